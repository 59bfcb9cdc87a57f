"""What inputs do otherwise than Qt's own: with the wheel, with undo, and with numbers beyond their limits."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit, QSpinBox, QWidget

from tinyml_gui.look import theme

__all__ = ["DocumentUndo", "NumberBox", "calm_wheel"]

_MAX_INT: Final = 2**31 - 1
_QT_COUNTS: Final = 18  # characters, when it computes how wide a spin box is
_UNDO_KEYS: Final = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)


class _CalmWheel(QObject):
    """Lets the wheel scroll the page instead of changing a field that does not have the focus."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class DocumentUndo(QObject):
    """Leaves undo and redo to the window: what a field commits is a change of the document."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        typing = isinstance(watched, QLineEdit) and watched.isModified()
        return not typing and any(map(event.matches, _UNDO_KEYS))


def calm_wheel(widget: QWidget) -> None:
    """Keep the wheel from changing `widget` unless it has the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_CalmWheel(widget))


class NumberBox(QSpinBox):
    """Takes what is typed also beyond its limits, for the field to say so; only its steps end there.

    With a range, a spin box drops digits in silence: where at most 15 is allowed, 99 becomes 9.
    """

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self._low = -_MAX_INT if low is None else int(low)
        self._high = _MAX_INT if high is None else int(high)
        self.setRange(-_MAX_INT, _MAX_INT)
        self.lineEdit().setTextMargins(theme.GAP, 0, 0, 0)  # a stylesheet's padding has no effect there

    def minimumSizeHint(self) -> QSize:
        """Need the room of what is allowed."""
        hint = super().minimumSizeHint()
        allowed, taken = self._widest(self._low, self._high), self._widest(-_MAX_INT, _MAX_INT)
        return QSize(hint.width() + allowed - taken, hint.height())

    def _widest(self, *numbers: int) -> int:
        metrics = self.fontMetrics()
        texts = [f"{self.textFromValue(number)}{self.suffix()}" for number in numbers]
        return max(metrics.horizontalAdvance(text[:_QT_COUNTS]) for text in texts)

    def stepBy(self, steps: int) -> None:
        self.setValue(min(max(self.value() + steps * self.singleStep(), self._low), self._high))
        self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        enabled = QAbstractSpinBox.StepEnabledFlag
        up = enabled.StepUpEnabled if self.value() < self._high else enabled.StepNone
        return up | (enabled.StepDownEnabled if self.value() > self._low else enabled.StepNone)

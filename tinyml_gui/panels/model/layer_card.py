"""The network as a list of cards, one per layer, for mouse and keyboard.

Up and Down select, Alt+Up and Alt+Down move, Delete removes; a card can be dragged to its new place.
Cards are reused after each edit, so that nothing flickers or jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.keys import set_keys
from tinyml_gui.look.widgets import Elided, caption, label, set_state
from tinyml_gui.viewmodels.model_editor import LayerView

__all__ = ["COLUMNS", "LayerCard", "LayerList"]

COLUMNS: Final = {"Output": 19 * theme.GRID, "Parameters": 18 * theme.GRID, "MACs": 13 * theme.GRID}
_KEYS: Final = "Up and Down select, with Alt they move the layer, Delete removes it"
NUMBER_WIDTH: Final = 4 * theme.GRID
_TITLE_WIDTHS: Final = (24 * theme.GRID, 39 * theme.GRID)  # at least, at most
_MARGINS: Final = 3 * theme.GRID - 1, theme.GAP - 1  # beside and above; the border takes 1 px more with focus


class LayerCard(QFrame):
    """One layer: number, title, fields in short, output shape, parameters, MACs, and its fault."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "layer")
        self._number = caption()
        self._number.setFixedWidth(theme.scaled(NUMBER_WIDTH))
        self._title = Elided("card-title")
        self._title.setMinimumWidth(theme.scaled(_TITLE_WIDTHS[0]))
        self._title.setMaximumWidth(theme.scaled(_TITLE_WIDTHS[1]))
        self._summary = Elided()
        self._fault = label(role="error", wrap=True)
        self._figures = [_figure(width) for width in COLUMNS.values()]
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self._number)
        row.addWidget(self._title, stretch=1)
        row.addWidget(self._summary, stretch=2)
        for figure in self._figures:
            row.addWidget(figure)
        column = QVBoxLayout(self)
        column.setContentsMargins(_MARGINS[0], 0, _MARGINS[0], 0)
        column.setSpacing(0)
        row.setContentsMargins(0, _MARGINS[1], 0, _MARGINS[1])
        column.addLayout(row)
        column.addWidget(self._fault)
        self._fault.setContentsMargins(theme.scaled(NUMBER_WIDTH) + theme.GAP, 0, 0, theme.GAP)

    def fill(self, card: LayerView) -> None:
        """Show `card`."""
        self._number.setText(card.number)
        self._title.show_text(card.title)
        self._summary.show_text(card.summary)
        for figure, text in zip(self._figures, (card.shape, card.parameters, card.macs), strict=True):
            figure.setText(text)
        self._fault.setText(card.fault)
        self._fault.setVisible(bool(card.fault))
        self.setAccessibleName(card.spoken)

    @property
    def fault(self) -> str:
        """The sentence shown on the card."""
        return self._fault.text()

    @property
    def title(self) -> str:
        """The layer's title as shown."""
        return self._title.whole

    def show_state(self, selected: bool, focused: bool) -> None:
        """Show whether the card is selected, and whether the keyboard acts on it."""
        state = "error" if self.fault else "selected" if selected else ""
        set_state(self, f"{state}-focus" if selected and focused else state)


def _figure(width: int) -> QLabel:
    made = label(role="figure")
    made.setFont(theme.number_font())
    made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    made.setFixedWidth(theme.scaled(width))
    return made


class LayerList(QWidget):
    """The cards, one below the other.

    Signals
    -------
    selected(int)
    moved(int, int)
        From and to.
    remove_asked(int)
    resized()
        The cards have new places.
    """

    selected = Signal(int)
    moved = Signal(int, int)
    remove_asked = Signal(int)
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("scrolled")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Layers")
        set_keys(self, _KEYS)
        self.cards: list[LayerCard] = []
        self._selection = 0
        self._pressed: tuple[int, QPoint] | None = None
        self._mark = QFrame(self)
        self._mark.setProperty("role", "insertion")
        self._mark.setFixedHeight(3)
        self._mark.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GRID)
        self._column.addStretch()

    @property
    def selection(self) -> int:
        """Index of the selected card."""
        return self._selection

    def fill(self, cards: Sequence[LayerView], selection: int) -> None:
        """Show `cards`; as far as they are there already they are filled anew."""
        while len(self.cards) < len(cards):
            self.cards.append(LayerCard(self))
            self._column.insertWidget(self._column.count() - 1, self.cards[-1])
        while len(self.cards) > len(cards):
            self.cards.pop().deleteLater()
        for widget, card in zip(self.cards, cards, strict=True):
            widget.fill(card)
        self.select(selection)

    def select(self, index: int) -> None:
        """Show card `index` as the selected one."""
        self._selection = index
        self._update_states()

    def _update_states(self) -> None:
        for index, card in enumerate(self.cards):
            card.show_state(index == self._selection, self.hasFocus())
        if 0 <= self._selection < len(self.cards):
            self.setAccessibleDescription(self.cards[self._selection].accessibleName())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    # Keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()), 0)
        if step and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._move(self._selection, self._selection + step)
        elif step:
            self._choose(self._selection + step)
        elif event.key() in _REMOVE and self.cards:
            self.remove_asked.emit(self._selection)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._update_states()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._update_states()

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self.cards):
            self.selected.emit(index)

    def _move(self, index: int, to: int) -> None:
        if 0 <= to < len(self.cards) and to != index:
            self.moved.emit(index, to)

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._card_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index is not None:
            self._pressed = (index, event.position().toPoint())
            self._choose(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        far = (event.position().toPoint() - self._pressed[1]).manhattanLength()
        if self._mark.isVisible() or far >= QApplication.startDragDistance():
            self._show_mark(self._gap_at(event.position().toPoint().y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None or not self._mark.isVisible():
            return
        self._mark.hide()
        gap = self._gap_at(event.position().toPoint().y())
        self._move(pressed[0], gap - 1 if gap > pressed[0] else gap)

    def _card_at(self, at: QPoint) -> int | None:
        return next((i for i, card in enumerate(self.cards) if card.geometry().contains(at)), None)

    def _gap_at(self, y: int) -> int:
        """Return before which card something dropped at `y` goes."""
        return sum(card.geometry().center().y() < y for card in self.cards)

    def _show_mark(self, gap: int) -> None:
        card = self.cards[min(gap, len(self.cards) - 1)]
        y = card.geometry().top() - 3 if gap < len(self.cards) else card.geometry().bottom() + 1
        self._mark.setGeometry(0, y, self.width(), 3)
        self._mark.raise_()
        self._mark.show()


_STEPS: Final = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
_REMOVE: Final = (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)

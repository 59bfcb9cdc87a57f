"""One line for what just happened: a message fades after a while, an error stays as long as it holds."""

from __future__ import annotations

import enum
import functools
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, SignalInstance
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from tinyml_gui.look.widgets import set_role

__all__ = ["MessageArea", "Topic"]

_SHOWN_MS: Final = 8_000


class Topic(enum.Enum):
    """What an error is about: it goes when something of the same topic has worked."""

    MODEL = enum.auto()
    DRAWING = enum.auto()
    COPIES = enum.auto()


class MessageArea(QLabel):
    """Shows messages, errors and, while the pointer is on a command, what the command does."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = ("", "muted")
        self._rest = ""
        self._topic: Topic | None = None
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Messages")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._forget)

    def set_rest(self, text: str) -> None:
        """Show `text` whenever there is nothing else to say."""
        self._rest = text
        self._show(*self._kept)

    def show_message(self, text: str) -> None:
        """Show `text` for a few seconds."""
        self._topic = None
        self._keep(text, "muted")
        self._timer.start(_SHOWN_MS)

    def show_error(self, text: str, topic: Topic = Topic.MODEL) -> None:
        """Show `text` as an error until something else is shown, or `settle` is called for its topic."""
        self._timer.stop()
        self._topic = topic
        self._keep(text, "error")

    def settle(self, topic: Topic) -> None:
        """Take away an error about `topic`."""
        if self._topic is topic:
            self._topic = None
            self._forget()

    def follow(self, topic: Topic, failed: SignalInstance, worked: SignalInstance) -> None:
        """Show what the signal `failed` says until `worked` is emitted; both in the window's thread."""
        failed.connect(functools.partial(self.show_error, topic=topic))
        worked.connect(functools.partial(self.settle, topic))

    def show_tip(self, text: str) -> None:
        """Show `text` while it is not empty, then again what was there."""
        self._show(*((text, "muted") if text else self._kept))

    @property
    def message(self) -> str:
        """The whole text, also where there is no room for it."""
        return self._kept[0]

    def minimumSizeHint(self) -> QSize:
        return QSize(80, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show(*self._kept)

    def _forget(self) -> None:
        self._keep("", "muted")

    def _keep(self, text: str, role: str) -> None:
        self._kept = (text, role)
        self._show(text, role)

    def _show(self, text: str, role: str) -> None:
        set_role(self, role)
        text = text or self._rest
        line = " ".join(text.split())
        shown = self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, self.width())
        self.setText(shown)
        self.setToolTip(text if shown != line else "")

"""What the keys do, which depends on where the keyboard's focus is.

A widget says by `set_keys` what keys do in it and in what is inside it. A `FocusPlace` follows the focus and
knows the words for where it is, so that what the window shows is what a key does.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QLineEdit, QMenuBar, QPlainTextEdit, QWidget

__all__ = ["ARROWS", "FocusPlace", "set_keys"]

#: How far each arrow key goes: to the right, down.
ARROWS: Final = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}

_PROPERTY: Final = "keys"
_TEXTS: Final = (QLineEdit, QPlainTextEdit)  # they undo typing by themselves


def set_keys(widget: QWidget, words: str) -> None:
    """Say in one line what keys do while the focus is in `widget`."""
    widget.setProperty(_PROPERTY, words)


class FocusPlace(QObject):
    """Follows the focus through `window`.

    The menu bar, menus and dialogs take the focus for a moment; the place stays where it was before, since
    what is chosen there is meant for it.

    Parameters
    ----------
    window : QWidget
    area : QWidget
        A part of the window; `in_area` tells whether the focus is there.

    Attributes
    ----------
    keys : str
        What keys do at this place; may be empty.
    in_area : bool

    Signals
    -------
    changed()
        The focus is at another place.
    """

    changed = Signal()

    def __init__(self, window: QWidget, area: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._area = area
        self.keys = ""
        self.in_area = False
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.connect(self._move)

    def _move(self, before: QWidget | None, now: QWidget | None) -> None:
        if now is None or isinstance(now, QMenuBar) or not self._window.isAncestorOf(now):
            return
        self.keys = _keys_of(now)
        self.in_area = now is self._area or self._area.isAncestorOf(now)
        self.changed.emit()


def _keys_of(widget: QWidget) -> str:
    """Return the words of the nearest widget that has some; a text has keys of its own."""
    at: QWidget | None = None if isinstance(widget, _TEXTS) else widget
    while at is not None:
        if words := at.property(_PROPERTY):
            return str(words)
        at = at.parentWidget()
    return ""

"""How large the window is, where it stands and how its width is shared: remembered, but fitted to the screen.

What was remembered may be of another screen or another scale, and the screen may be smaller than the size
that the window would like: at 200 % a full HD screen has room for 960 × 540. So nothing is taken for granted:
the window never exceeds what the screen leaves, and its smallest size is never larger than that.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QRect, QSize
from PySide6.QtWidgets import QMainWindow, QSplitter

from tinyml_gui.document.settings import Settings

__all__ = ["Placement", "fitted"]

_WANTED: Final = QSize(1240, 820)
_SMALLEST: Final = QSize(900, 420)
_DRAWING: Final = 316  # px of the width for the drawing
_FRAME: Final = QSize(2, 32)  # what a window manager will put around a window that is not shown yet


def fitted(place: QRect, room: QRect) -> QRect:
    """Return `place`, made no larger than `room` and moved into it."""
    size = place.size().boundedTo(room.size())
    left = min(max(place.left(), room.left()), room.left() + room.width() - size.width())
    top = min(max(place.top(), room.top()), room.top() + room.height() - size.height())
    return QRect(left, top, size.width(), size.height())


class Placement(QObject):
    """Remembers the layout of `window` in `settings`.

    Parameters
    ----------
    window : QMainWindow
    splitter : QSplitter
        Its first part is the page, its second the drawing.
    """

    def __init__(self, window: QMainWindow, splitter: QSplitter, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._splitter = splitter
        self._settings = settings
        self._given = QSize()

    def restore(self) -> None:
        """Take the place and the shares of last time, as far as they suit this screen."""
        room = self._window.screen().availableGeometry().size() - _FRAME
        self._window.setMinimumSize(_SMALLEST.boundedTo(room))
        self._window.resize(_WANTED.boundedTo(room))
        self._window.restoreGeometry(self._settings.geometry)
        width = self._window.width()
        drawing = round(min(max(0, self._settings.drawing_width or _DRAWING), width))
        self._splitter.setSizes([width - drawing, drawing])  # no part gets less than its minimum
        self._given = self._window.size()

    def fit(self) -> None:
        """Keep the window on the screen with its frame, once that is known; not if it was resized since."""
        window = self._window
        if window.size() != self._given or window.isMaximized():
            return
        frame = window.frameGeometry()
        wanted = fitted(frame, window.screen().availableGeometry())
        if wanted != frame:
            size = window.size() + wanted.size() - frame.size()
            window.setMinimumSize(window.minimumSize().boundedTo(size))
            window.resize(size)
            window.move(wanted.topLeft())

    def remember(self) -> None:
        """Write down how things are now."""
        self._settings.geometry = self._window.saveGeometry()
        self._settings.drawing_width = self._splitter.sizes()[1]

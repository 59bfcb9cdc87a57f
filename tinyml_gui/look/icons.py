"""Line icons on a 24 px grid, one pen width, drawn here so that they take any theme's colour."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from tinyml_gui.look.theme import tokens

__all__ = ["NAMES", "icon", "svg"]

_PATHS: Final = {
    "add": "M12 5v14M5 12h14",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "clear": "M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 11v5M13.5 11v5",
    "computer": "M3.5 5h17v11h-17zM12 16v3.5M8 19.5h8",
    "copy": "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
    "data": "M4.5 6c0-1.4 3.4-2.5 7.5-2.5s7.5 1.1 7.5 2.5-3.4 2.5-7.5 2.5S4.5 7.4 4.5 6z"
    "M4.5 6v12c0 1.4 3.4 2.5 7.5 2.5s7.5-1.1 7.5-2.5V6M4.5 12c0 1.4 3.4 2.5 7.5 2.5s7.5-1.1 7.5-2.5",
    "deploy": "M8.5 8.5h7v7h-7zM5.5 5.5h13v13h-13zM9 5.5V3M15 5.5V3M9 21v-2.5M15 21v-2.5"
    "M5.5 9H3M5.5 15H3M21 9h-2.5M21 15h-2.5",
    "down": "M6 9.5l6 6 6-6",
    "evaluate": "M4.5 4.5h15v15h-15zM9.5 4.5v15M14.5 4.5v15M4.5 9.5h15M4.5 14.5h15"
    "M5.5 7h3M10.5 12h3M15.5 17h3",
    "file": "M6 3.5h8l4 4v13H6zM14 3.5v4h4",
    "find": "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.3 15.3L20 20",
    "folder": "M3.5 6.5h6l2 2.5h9v10h-17z",
    "folder_new": "M3.5 6.5h6l2 2.5h9v10h-17zM12 11.5v5M9.5 14h5",
    "grid": "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM13.5 13.5h6v6h-6z",
    "left": "M14.5 6l-6 6 6 6",
    "list": "M4.5 6.5h15M4.5 12h15M4.5 17.5h15",
    "model": "M4 5h16v4H4zM4 11h16v3H4zM4 16h16v3.5H4z",
    "pause": "M8.5 5.5v13M15.5 5.5v13",
    "play": "M8 5.5l11 6.5-11 6.5z",
    "redo": "M15.5 5l4 4-4 4M19.5 9H10a5.25 5.25 0 000 10.5h3",
    "remove": "M6 6l12 12M18 6L6 18",
    "right": "M9.5 6l6 6-6 6",
    "save": "M12 4v10.5M7.5 10.5L12 15l4.5-4.5M4.5 19.5h15",
    "stop": "M6.5 6.5h11v11h-11z",
    "sweep": "M4.5 4.5h4v4h-4zM10 4.5h4v4h-4zM15.5 4.5h4v4h-4zM4.5 10h4v4h-4zM10 10h4v4h-4zM15.5 10h4v4h-4z"
    "M4.5 15.5h4v4h-4zM10 15.5h4v4h-4zM15.5 15.5h4v4h-4z",
    "theme": "M12 3.5a8.5 8.5 0 100 17 8.5 8.5 0 000-17zM12 3.5v17M12 8l6.5-1.5M12 12h8.5M12 16l6.5 1.5",
    "train": "M4 4v16h16M7 8c2 6.5 5 8.5 12.5 8.5",
    "undo": "M8.5 5l-4 4 4 4M4.5 9H14a5.25 5.25 0 010 10.5h-3",
    "up": "M6 14.5l6-6 6 6",
}
NAMES: Final = tuple(_PATHS)


def svg(name: str, colour: str) -> str:
    """Return icon `name` as an SVG document."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<path d="{_PATHS[name]}" fill="none" stroke="{colour}" stroke-width="1.75" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def icon(name: str, quiet: bool = False) -> QIcon:
    """Return icon `name` in the colours of the theme that is on.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    quiet : bool
        Grey, and in the accent colour while checked.
    """
    t = tokens()
    made = QIcon()
    made.addPixmap(_pixmap(name, t.muted if quiet else t.text), QIcon.Mode.Normal, QIcon.State.Off)
    made.addPixmap(_pixmap(name, t.disabled), QIcon.Mode.Disabled, QIcon.State.Off)
    made.addPixmap(_pixmap(name, t.accent if quiet else t.text), QIcon.Mode.Normal, QIcon.State.On)
    return made


def _pixmap(name: str, colour: str, size: int = 20, ratio: float = 2.0) -> QPixmap:
    """Rendered at twice the size, so that it is sharp on dense screens too."""
    pixmap = QPixmap(QSize(size, size) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg(name, colour).encode())).render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap

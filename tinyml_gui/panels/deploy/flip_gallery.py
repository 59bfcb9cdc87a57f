"""The images that int8 puts into another class than float does, to be looked at."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engine.words import short
from tinyml_gui.look import theme
from tinyml_gui.look.pictures import picture
from tinyml_gui.look.widgets import caption, set_role
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.viewmodels.accuracy import Flip

__all__ = ["FlipGallery"]

_SIDE: Final = 14 * theme.GRID
_WIDTH: Final = 18 * theme.GRID
_COLUMNS: Final = 20
_LONGEST: Final = 6  # characters of a class's name


class FlipGallery(QWidget):
    """Thumbnails in rows, each with its two classes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._grid: FlowGrid | None = None

    @property
    def tiles(self) -> list[QLabel]:
        """The captions of the thumbnails."""
        return [] if self._grid is None else self._grid.findChildren(QLabel, "words")

    def show_flips(self, flips: tuple[Flip, ...]) -> None:
        """Show `flips` in place of those before."""
        if self._grid is not None:
            self._column.removeWidget(self._grid)
            self._grid.hide()
            self._grid.deleteLater()
        self._grid = FlowGrid([_Tile(flip) for flip in flips], _COLUMNS)
        self._column.addWidget(self._grid)


class _Tile(QWidget):
    def __init__(self, flip: Flip) -> None:
        super().__init__()
        self.setFixedWidth(theme.scaled(_WIDTH))
        self.setToolTip(flip.tip)
        thumbnail = QLabel()
        thumbnail.setPixmap(_pixmap(flip.image))
        thumbnail.setFixedSize(_SIDE, _SIDE)
        thumbnail.setAccessibleName(flip.tip)
        words = caption(f"{_short(flip.in_float)} → {_short(flip.in_int8)}")
        words.setObjectName("words")
        set_role(words, "caption-good" if flip.is_won else "field-error" if flip.is_lost else "caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID // 2)
        for widget in (thumbnail, words):
            column.addWidget(widget, alignment=Qt.AlignmentFlag.AlignHCenter)


def _short(name: str) -> str:
    return short(name)[:_LONGEST]


def _pixmap(image: np.typing.NDArray[np.uint8]) -> QPixmap:
    """Return (height, width, channels) bytes as a picture, pixels as squares."""
    return QPixmap.fromImage(
        picture(image).scaled(
            QSize(_SIDE, _SIDE), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.FastTransformation
        )
    )

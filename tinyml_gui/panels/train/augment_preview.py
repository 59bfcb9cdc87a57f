"""A strip of training images as the run will see them, every pixel a sharp square."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tinyml_gui.look import theme

__all__ = ["COUNT", "AugmentPreview"]

COUNT: Final = 10
_SIDE: Final = 14 * theme.GRID  # approximately: tiles are a whole multiple of the image's size


class AugmentPreview(QWidget):
    """Shows as many of the images as there is room for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles: list[QImage] = []
        self.setAccessibleName("Training images as the network will see them")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_SIDE)

    def show_images(self, images: NDArray[np.uint8]) -> None:
        """Show `images` (n, height, width, channels) of one or three channels."""
        self._tiles = [_tile(image) for image in images]
        self.update()

    @property
    def count(self) -> int:
        """Number of images at hand."""
        return len(self._tiles)

    def sizeHint(self) -> QSize:
        return QSize(0, _SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        left = 0
        for tile in self._tiles:
            if left + tile.width() > self.width():
                return
            painter.drawImage(QRect(left, 0, tile.width(), tile.height()), tile)
            left += tile.width() + theme.GRID


def _tile(image: NDArray[np.uint8]) -> QImage:
    height, width, channels = image.shape
    grey = np.ascontiguousarray(image if channels == 3 else np.repeat(image[..., :1], 3, axis=2))
    made = QImage(grey.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    scale = max(1, _SIDE // max(width, height))
    return made.scaled(
        width * scale,
        height * scale,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.FastTransformation,
    ).copy()

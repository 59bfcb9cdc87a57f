"""The 28×28 image that the network sees: always bright on black, each pixel a crisp square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tinyml_gui import theme

__all__ = ["SeenImage"]

_PIXELS = 28
_ZOOM = 4


class SeenImage(QWidget):
    """Shows what preprocessing made of the drawing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("What the network sees")
        self.setToolTip("What the network sees: 28×28 pixels, cropped, scaled and centred")

    def show_image(self, seen: NDArray[np.uint8] | None) -> None:
        """Show `seen`, (28, 28) uint8, or black when nothing is drawn."""
        self._image = None if seen is None else _to_image(seen)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_PIXELS * _ZOOM, _PIXELS * _ZOOM)

    def paintEvent(self, event: QPaintEvent) -> None:
        frame = QRectF(self.rect())
        rounded = QPainterPath()
        rounded.addRoundedRect(frame, theme.RADIUS_SMALL, theme.RADIUS_SMALL)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(rounded)
        painter.fillRect(frame, QColor("#000000"))
        if self._image is not None:
            painter.drawImage(frame, self._image)  # no smoothing: pixels stay squares
        painter.end()


def _to_image(seen: NDArray[np.uint8]) -> QImage:
    height, width = seen.shape
    data = np.ascontiguousarray(seen).tobytes()
    return QImage(data, width, height, width, QImage.Format.Format_Grayscale8).copy()

"""The 28×28 image that the network sees: always bright on black, each pixel a crisp square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tinyml_gui.look import theme

__all__ = ["SeenImage"]

_PIXELS = 28
_ZOOM = 4
_BLACK = QColor(0, 0, 0)


class SeenImage(QWidget):
    """Shows what preprocessing made of the drawing."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._brush = QBrush(_BLACK)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("What the network sees")
        self.setToolTip("What the network sees: 28×28 pixels, cropped, scaled and centred")

    def show_image(self, seen: NDArray[np.uint8] | None) -> None:
        """Show `seen`, (28, 28) uint8, or black when nothing is drawn."""
        self._brush = QBrush(_BLACK) if seen is None else QBrush(self._texture(seen))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_PIXELS * _ZOOM, _PIXELS * _ZOOM)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._brush)
        painter.drawRoundedRect(QRectF(self.rect()), theme.RADIUS_SMALL, theme.RADIUS_SMALL)
        painter.end()

    def _texture(self, seen: NDArray[np.uint8]) -> QImage:
        """Return `seen` at the screen's own resolution, each pixel a square."""
        zoom = max(1, round(_ZOOM * self.devicePixelRatioF()))
        large = seen.repeat(zoom, axis=0).repeat(zoom, axis=1)
        height, width = large.shape
        image = QImage(large.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
        texture = image.convertToFormat(QImage.Format.Format_RGB32)  # a copy of its own
        texture.setDevicePixelRatio(zoom / _ZOOM)
        return texture

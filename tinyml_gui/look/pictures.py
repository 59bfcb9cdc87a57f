"""Images of a data set as pictures of Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

__all__ = ["picture"]

_COLOURS = 3


def picture(image: NDArray[np.uint8]) -> QImage:
    """Return (height, width, channels) bytes, grey or in colour, as a picture with memory of its own."""
    height, width, channels = image.shape
    in_colour = channels == _COLOURS
    plane = np.ascontiguousarray(image if in_colour else image[..., 0])
    kind = QImage.Format.Format_RGB888 if in_colour else QImage.Format.Format_Grayscale8
    return QImage(plane.data, width, height, plane.strides[0], kind).copy()

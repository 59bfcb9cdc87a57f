"""A square kernel that slides over an image, as convolutions need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Window"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Window:
    """A square kernel sliding over an image.

    Attributes
    ----------
    kernel, stride : int
    top, left : int
        Padding before the first row and column; that after the last ones follows from the output's shape.
    """

    kernel: int
    stride: int
    top: int
    left: int

    def over(self, x: Floats, out_rows: int, out_columns: int) -> Floats:
        """Return `x`, padded with zeros, as (images, out_rows, out_columns, kernel, kernel, channels)."""
        images, height, width, channels = x.shape
        rows = (out_rows - 1) * self.stride + self.kernel
        columns = (out_columns - 1) * self.stride + self.kernel
        shape = (images, max(rows, self.top + height), max(columns, self.left + width), channels)
        padded = np.zeros(shape, x.dtype)
        padded[:, self.top : self.top + height, self.left : self.left + width] = x
        windows = sliding_window_view(padded, (self.kernel, self.kernel), axis=(1, 2))
        windows = windows[
            :, : rows - self.kernel + 1 : self.stride, : columns - self.kernel + 1 : self.stride
        ]
        return windows.transpose(0, 1, 2, 4, 5, 3)

"""The calls of an int8 network, and in NumPy exactly what each of them computes.

These are the reference: exported C equals `run` to the bit. Tensors are int8 here, (images, height, width,
channels) or (images, features). Exported code holds ``q + 128`` as uint8, which is zero for a rectifier's
zero and equal to the bytes of an image; that is its own affair.

Convolutions pad with the zero point, so that padding stands for 0. Max pooling comes before requantization
when a convolution does it itself: rescaling keeps the order, so the result is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.int8.arithmetic import Affine, Int8s, Int32s, Requantization
from engine.shapes import Shape, size

__all__ = [
    "IntegerAvgPool",
    "IntegerCall",
    "IntegerConv2D",
    "IntegerDense",
    "IntegerDepthwise",
    "IntegerGather",
    "IntegerMaxPool",
    "IntegerSoftmax",
    "IntegerTable",
    "Window",
    "softmax_table",
]

Floats = NDArray[np.floating[Any]]  # hold the whole numbers of sums exactly, and have a fast matrix product
EXACT = 1 << 24  # float32 holds every whole number up to this
LARGEST_INPUT = 255  # distance of an int8 from a zero point


@dataclass(frozen=True, eq=False)
class IntegerCall:
    """One call of an int8 kernel.

    Attributes
    ----------
    in_shape, out_shape : tuple of int
    source, target : Affine
        How input and output are held.
    """

    in_shape: Shape
    out_shape: Shape
    source: Affine
    target: Affine

    in_place: ClassVar[bool] = False
    """Whether the output may overwrite the input, number by number."""

    @property
    def taps(self) -> int:
        """How many numbers are read for each that is computed."""
        return max(1, size(self.in_shape) // size(self.out_shape))

    @property
    def room(self) -> int:
        """How many numbers `run` holds at once for each image, about."""
        return size(self.in_shape) + size(self.out_shape)

    def run(self, x: Int8s) -> Int8s:
        """Return the output for inputs `x`, (images, *in_shape)."""
        raise NotImplementedError


@dataclass(frozen=True)
class Window:
    """A square kernel sliding over an image.

    Attributes
    ----------
    kernel, stride : int
    top, left : int
        Padding before the first row and column; behind the last ones it follows from the output's shape.
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


@dataclass(frozen=True, eq=False)
class _Weighted(IntegerCall):
    """A weighted sum: ``requantization(Σ weight · (q - zero_point) + bias)``.

    Attributes
    ----------
    weight : ndarray of int8
        Symmetric, -127 … 127.
    bias : ndarray of int32, shape (channels,)
        In units of the sums; no zero point is folded in.
    requantization : Requantization
    """

    weight: Int8s
    bias: Int32s
    requantization: Requantization

    channel_axis: ClassVar[int] = 0

    @property
    def taps(self) -> int:
        return self.weight.size // len(self.bias)

    @cached_property
    def _floats(self) -> Floats:
        """The weight in floats that hold all of its sums exactly."""
        others = tuple(i for i in range(self.weight.ndim) if i != self.channel_axis)
        largest = np.abs(self.weight.astype(np.int64)).sum(axis=others).max(initial=0) * LARGEST_INPUT
        return self.weight.astype(np.float32 if largest < EXACT else np.float64)

    def _centred(self, x: Int8s) -> Floats:
        """Return ``x - zero_point`` in such floats."""
        dtype = self._floats.dtype
        result: Floats = x.astype(dtype) - dtype.type(self.source.zero_point)
        return result

    def _finish(self, sums: Floats) -> Int8s:
        return self.requantization(sums.astype(np.int32) + self.bias)


@dataclass(frozen=True, eq=False)
class IntegerConv2D(_Weighted):
    """Convolution, weight (filters, kernel, kernel, channels), with max pooling of squares of side `pool`."""

    window: Window
    pool: int = 1

    @property
    def room(self) -> int:
        rows, columns, filters = self.out_shape
        return rows * columns * self.pool**2 * (self.taps + filters)

    def run(self, x: Int8s) -> Int8s:
        rows, columns, filters = self.out_shape
        windows = self.window.over(self._centred(x), rows * self.pool, columns * self.pool)
        taps = self._floats.reshape(filters, -1)
        sums = windows.reshape(-1, taps.shape[1]) @ taps.T
        return self._finish(_largest(sums.reshape(len(x), rows, self.pool, columns, self.pool, filters)))


@dataclass(frozen=True, eq=False)
class IntegerDepthwise(_Weighted):
    """One filter for each channel, weight (kernel, kernel, channels)."""

    window: Window

    channel_axis: ClassVar[int] = 2

    def run(self, x: Int8s) -> Int8s:
        image = x if x.ndim == 4 else x[:, None, None]
        rows, columns = self.out_shape[:2] if x.ndim == 4 else (1, 1)
        windows, weight = self.window.over(self._centred(image), rows, columns), self._floats
        sums = np.zeros((*windows.shape[:3], weight.shape[2]), weight.dtype)
        for tap in np.ndindex(weight.shape[:2]):
            sums += windows[:, :, :, *tap] * weight[tap]
        return self._finish(sums).reshape(len(x), *self.out_shape)


@dataclass(frozen=True, eq=False)
class IntegerDense(_Weighted):
    """All inputs to each output, weight (units, features)."""

    def run(self, x: Int8s) -> Int8s:
        return self._finish(self._centred(x) @ self._floats.T)


def _squares(x: Int8s, out: Shape, height: int, width: int) -> NDArray[Any]:
    """View the parts of x that pooling reads as (images, rows, height, columns, width, channels)."""
    rows, columns = out[:2] if len(out) == 3 else (1, 1)
    kept = x[:, : rows * height, : columns * width]
    return kept.reshape(len(x), rows, height, columns, width, x.shape[-1])


def _largest(squares: NDArray[Any]) -> NDArray[Any]:
    """Return the largest number of each square of (images, rows, height, columns, width, channels)."""
    first, *others = (squares[:, :, i, :, j] for i, j in np.ndindex(squares.shape[2], squares.shape[4]))
    result = first.copy()
    for other in others:
        np.maximum(result, other, out=result)
    return result


@dataclass(frozen=True, eq=False)
class IntegerMaxPool(IntegerCall):
    """The largest number of each square; input and output are held in the same way."""

    size: int

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = _largest(_squares(x, self.out_shape, self.size, self.size))
        return result


@dataclass(frozen=True, eq=False)
class IntegerAvgPool(IntegerCall):
    """The mean of each window, halves away from zero; input and output are held in the same way."""

    window_height: int
    window_width: int

    def run(self, x: Int8s) -> Int8s:
        squares = _squares(x, self.out_shape, self.window_height, self.window_width)
        sums = squares.sum(axis=(2, 4), dtype=np.int32)
        count = self.window_height * self.window_width
        mean = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
        result: Int8s = mean.astype(np.int8).reshape(len(x), *self.out_shape)
        return result


@dataclass(frozen=True, eq=False)
class IntegerTable(IntegerCall):
    """A function of each number: ``table[q + 128]``."""

    table: Int8s

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = self.table[x.astype(np.int32) + 128]
        return result


def softmax_table(scale: float, channels: int) -> NDArray[np.uint32]:
    """Return ``exp(-scale · i) · 2^n``, rounded, for i = 0 … 255.

    n is 20, or less for more than 4,095 channels: a sum over all channels, plus half of it or 256 times any
    entry, fits into 32 bits.
    """
    bits = min(20, 32 - channels.bit_length())
    return np.floor(np.exp(-scale * np.arange(256.0)) * 2.0**bits + 0.5).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class IntegerSoftmax(IntegerCall):
    """Softmax over the channels.

    With ``e = table[largest - q]`` the result is ``(256 e + sum / 2) / sum - 128`` in whole numbers, and at
    most 127.

    Attributes
    ----------
    table : ndarray of uint32, shape (256,)
        See `softmax_table`.
    """

    table: NDArray[np.uint32]

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        wide = x.astype(np.int32)
        e = self.table[wide.max(axis=-1, keepdims=True) - wide].astype(np.int64)
        total = e.sum(axis=-1, keepdims=True)
        result: Int8s = np.minimum((256 * e + total // 2) // total - 128, 127).astype(np.int8)
        return result


@dataclass(frozen=True, eq=False)
class IntegerGather(IntegerCall):
    """The numbers of a flat vector in another order: ``y[i] = x[order[i]]``."""

    order: Int32s

    def run(self, x: Int8s) -> Int8s:
        result: Int8s = x[:, self.order]
        return result

"""Depthwise convolution, one filter for each channel, as matrix products.

With one filter the matrix of a product has a single row, which no BLAS computes efficiently. So all pixels of
a *tile*, a piece of an output row, are computed by one product with a *banded* matrix: it holds the kernel
once for each pixel, shifted. Most of its numbers are zero. But the input is copied once, instead of once for
every column of the kernel, and multiplying by zero takes less time than copying.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from engine.nn.layers.rows import Geometry
from engine.nn.memory import CACHED
from engine.nn.ops import Allocate, copying, in_turn
from engine.nn.param import FloatArray

__all__ = ["Tiled", "tile_width"]

FEWEST, MOST = (
    6,
    14,
)  # pixels of a tile: fewer do not fill vector registers, more waste multiplications


def tile_width(out: int) -> int:
    """Return how many of `out` pixels to compute together; those left over form a narrower tile."""
    if out < FEWEST:
        return out
    widths = range(FEWEST, MOST + 1)
    return next((n for n in widths if out % n == 0), max(widths, key=lambda n: out % n))


class Tiled:
    """The padded source of a depthwise convolution, cut into tiles, and products with it.

    Parameters
    ----------
    geometry : Geometry
    source : ndarray
        (H, C, W, N).
    lasting : Allocate
        For arrays that keep their contents.
    """

    def __init__(self, geometry: Geometry, source: FloatArray, lasting: Allocate) -> None:
        out = geometry.columns.out
        rest = out % tile_width(out)
        cuts = [slice(0, out - rest), slice(out - rest, out)] if rest else [slice(0, out)]
        self._strips = [(columns, _Strip(geometry.part(columns), source, lasting)) for columns in cuts]

    def product(self, y: FloatArray) -> Callable[[FloatArray], None]:
        """Return a closure that writes the convolution with kernels (C, k, k) to `y` (H, C, W, N)."""
        products = [strip.product(y[:, :, columns]) for columns, strip in self._strips]

        def multiply(kernels: FloatArray) -> None:
            for product in products:
                product(kernels)

        return multiply

    def weight_gradient(self, dy: FloatArray, grad: FloatArray, temporary: Allocate) -> Callable[[], None]:
        """Return a closure that writes the gradient of the kernels to `grad` (C, k, k)."""
        others = [np.empty(grad.shape, grad.dtype) for _ in self._strips[1:]]
        passes = [
            strip.weight_gradient(dy[:, :, columns], share, temporary)
            for (columns, strip), share in zip(self._strips, [grad, *others], strict=True)
        ]

        def backward() -> None:
            for step in passes:
                step()
            for share in others:
                np.add(grad, share, out=grad)

        return backward


@dataclass(frozen=True)
class _Group:
    """Channels that are in the buffer of tiles together, from `fill` until another group is filled."""

    channels: slice
    fill: Callable[[], None]
    windows: FloatArray  # (C, tiles, out rows, kernel·span, N)


class _Strip:
    """Adjacent tiles of one width.

    A tile holds the `span` columns that `width` outputs read. Only as many channels are copied at a time as
    fit into the cache of a core: copying them again in the backward pass takes less time than reading the
    tiles from memory.
    """

    def __init__(self, geometry: Geometry, source: FloatArray, lasting: Allocate) -> None:
        _, channels, _, batch = source.shape
        rows, columns = geometry.rows, geometry.columns
        self.kernel = geometry.kernel
        self.stride = columns.stride
        self.width = tile_width(columns.out)
        assert columns.out % self.width == 0
        self.span = (self.width - 1) * columns.stride + self.kernel
        each = (columns.out // self.width, rows.padded, self.span, batch)
        count = min(channels, _fitting(each, source))
        self._buffer = lasting((count, *each))
        self._groups = [
            self._group(geometry, source, slice(start, min(start + count, channels)))
            for start in range(0, channels, count)
        ]

    def product(self, y: FloatArray) -> Callable[[FloatArray], None]:
        """Return a closure that writes the convolution with kernels (C, k, k) to `y` (H, C, W, N)."""
        out = self._tiled(y)
        banded = np.zeros((len(out), self.width, self.kernel, self.span), y.dtype)
        bands = self._bands(banded)
        matrices = banded.reshape(len(out), 1, 1, self.width, -1)
        products = [(g.fill, matrices[g.channels], g.windows, out[g.channels]) for g in self._groups]

        def multiply(kernels: FloatArray) -> None:
            bands[...] = kernels[:, None]
            for fill, matrix, windows, target in products:
                fill()
                np.matmul(matrix, windows, out=target)

        return multiply

    def weight_gradient(self, dy: FloatArray, grad: FloatArray, temporary: Allocate) -> Callable[[], None]:
        """Return a closure that writes the gradient of the kernels to `grad` (C, k, k).

        The banded gradient of every tile is added up a block of rows at a time, while it is in the cache.
        """
        tiled = self._tiled(dy)
        channels, tiles, height = tiled.shape[:3]
        most, taps = len(self._buffer), self.kernel * self.span
        count = min(height, _fitting((most, tiles, self.width, taps), dy))
        blocks = [slice(start, min(start + count, height)) for start in range(0, height, count)]
        partial = temporary((most, tiles, count, self.width, taps))
        sums = np.empty((channels, len(blocks), self.width, self.kernel, self.span), dy.dtype)
        totals, bands = sums.reshape(channels, len(blocks), self.width, taps), self._bands(sums)
        passes: list[Callable[[], None]] = []
        for g in self._groups:
            passes.append(g.fill)
            for i, rows in enumerate(blocks):
                operands = tiled[g.channels, :, rows], g.windows[:, :, rows]
                passes.append(_block_gradient(*operands, partial, totals[g.channels, i]))

        def add_up() -> None:
            np.add.reduce(bands, axis=(1, 2), out=grad)

        return in_turn([*passes, add_up])

    def _group(self, geometry: Geometry, source: FloatArray, channels: slice) -> _Group:
        buffer = self._buffer[: channels.stop - channels.start]
        count, tiles, _, _, batch = buffer.shape
        windows = as_strided(
            buffer,
            (count, tiles, geometry.rows.out, self.kernel * self.span, batch),
            (*buffer.strides[:2], geometry.rows.stride * buffer.strides[2], *buffer.strides[3:]),
            writeable=False,
        )
        return _Group(channels, self._filling(geometry, source[:, channels], buffer), windows)

    def _filling(self, geometry: Geometry, source: FloatArray, buffer: FloatArray) -> Callable[[], None]:
        """Return a closure that copies `source` into the tiles; the padding in them stays zero."""
        to_rows, rows = geometry.rows.positions(0, geometry.rows.padded)
        copies = []
        for tile in range(buffer.shape[1]):
            first = tile * self.width * self.stride
            to_columns, columns = geometry.columns.positions(first, self.span)
            copies.append((buffer[:, tile, to_rows, to_columns], source[rows, :, columns].swapaxes(0, 1)))
        return copying(copies)

    def _bands(self, banded: FloatArray) -> FloatArray:
        """View the numbers (…, width, k, k) of banded matrices (…, width, k, span) that hold the kernel."""
        *others, pixel, row, column = banded.strides
        shape = (*banded.shape[:-2], self.kernel, self.kernel)
        return as_strided(banded, shape, (*others, pixel + self.stride * column, row, column))

    def _tiled(self, array: FloatArray) -> FloatArray:
        """View (H, C, W, N) as (C, tiles, H, width, N)."""
        height, channels, _, batch = array.shape
        return array.reshape(height, channels, -1, self.width, batch).transpose(1, 2, 0, 3, 4)


def _fitting(shape: tuple[int, ...], like: FloatArray) -> int:
    """Return how many arrays of `shape` a cache holds, at least one."""
    return max(1, CACHED // (math.prod(shape) * like.itemsize))


def _block_gradient(
    dy: FloatArray, windows: FloatArray, partial: FloatArray, total: FloatArray
) -> Callable[[], None]:
    """Return a closure that writes the sum over tiles and rows of dy @ windowsᵀ to `total`."""
    columns = windows.swapaxes(3, 4)
    shares = partial[: dy.shape[0], :, : dy.shape[2]]

    def add_up() -> None:
        np.matmul(dy, columns, out=shares)
        np.add.reduce(shares, axis=(1, 2), out=total)

    return add_up

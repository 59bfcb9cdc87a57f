"""DepthwiseConv2D: one filter for each channel.

A channel alone gives matrix products with a single row, which no BLAS does well. So the pixels of a *tile*, a
piece of an output row, are computed at once, as a product with a *banded* matrix that holds the kernel once
for each of them, shifted. Most of its numbers are zero, but the input is copied once instead of once for
every column of the kernel, and to multiply by zero costs less than to move memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from engine.calls import Array, Call, WeightedParts, WeightedSum
from engine.integer import IntegerCall, IntegerDepthwise
from engine.knobs import knob
from engine.layers.conv2d import SlidingKernel, kernel_knob, padding_knob, stride_knob, window_of
from engine.layers.elementwise import ACTIVATIONS, activation_calls, activation_knob, finish
from engine.layers.rows import Geometry
from engine.memory import CACHED
from engine.ops import Arrays, Bound, FloatArray, Op, Room, copying, in_turn, nothing
from engine.params import Param, constant
from engine.specs import Shape

__all__ = ["DepthwiseConv2D"]

FEWEST = 6  # pixels of a tile: a product with fewer rows wastes the vector units


@dataclass(frozen=True)
class DepthwiseConv2D(SlidingKernel):
    """Depthwise convolution; weight is (kernel, kernel, channels)."""

    kind = "depthwise_conv2d"
    title = "Depthwise convolution"
    channel_axis = 2

    kernel: int = kernel_knob()
    stride: int = stride_knob()
    padding: str = padding_knob()
    activation: str = activation_knob("relu")
    bias: bool = knob(True, "Bias", "add a trained number to each channel", advanced=True)

    def out_shape(self, x: Shape) -> Shape:
        geometry = self.geometry(x)
        return (geometry.rows.out, geometry.columns.out, x[-1])

    def params(self, x: Shape) -> Mapping[str, Param]:
        init = ACTIVATIONS[self.activation].init(self.kernel * self.kernel)
        weight = {
            "weight": Param(
                (self.kernel, self.kernel, x[-1]), init, decayed=True, channel_axis=self.channel_axis
            )
        }
        return weight | ({"bias": Param((x[-1],), constant(0))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        height, width, channels = self.out_shape(x)
        return height * width * channels * self.kernel * self.kernel

    def lower(self, x: Shape) -> tuple[Op, ...]:
        out = self.out_shape(x)
        return (CorrelateChannels(x, out, self.geometry(x)), *finish(out, self.bias, self.activation))

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        out = self.out_shape(x)
        sizes = self.geometry(x).c_sizes
        call = ChannelFilters.of("depthwise_conv2d", (x, out), Array(p["weight"]), p.get("bias"), sizes, -1)
        return (call, *activation_calls(out, self.activation))


@dataclass(frozen=True, eq=False)
class ChannelFilters(WeightedSum):
    """One filter for each channel."""

    def weighted(self, parts: WeightedParts) -> IntegerCall:
        return IntegerDepthwise(*parts, window_of(self.sizes))


@dataclass(frozen=True)
class CorrelateChannels(Op):
    """``y[h, c, w] = Σ weight[a, b, c] · x[h·s + a, c, w·s + b]`` over the padded input."""

    geometry: Geometry

    def bind(self, a: Arrays) -> Bound:
        kernels = a.p["weight"].transpose(2, 0, 1)  # (C, k, k)
        tiles = Tiles(self.geometry, a.x, a.lasting)
        multiply = tiles.product(a.y)

        def forward() -> None:
            multiply(kernels)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [tiles.weight_gradient(a.dy, a.g["weight"], a.room)]
        if a.dx is not None:
            passes.append(_input_gradient(self.geometry, kernels, a.dy, a.dx, a.lasting))
        return Bound(forward, in_turn(passes))


def _input_gradient(
    geometry: Geometry, kernels: FloatArray, dy: FloatArray, dx: FloatArray, lasting: Room
) -> Callable[[], None]:
    multiply = Tiles(geometry.adjoint(), dy, lasting).product(dx)
    flipped = kernels[:, ::-1, ::-1]

    def backward() -> None:
        multiply(flipped)

    return backward


def tile_width(out: int) -> int:
    """Choose how many of `out` pixels to compute together: few waste calls, many waste multiplications."""
    return next((n for n in range(FEWEST, out) if out % n == 0), out)


@dataclass(frozen=True)
class _Group:
    """Some channels in the buffer of tiles, which holds them after `fill` until another group's."""

    channels: slice
    fill: Callable[[], None]
    windows: FloatArray  # (C, tiles, out rows, kernel·span, N)


class Tiles:
    """The padded source of a depthwise convolution, cut into tiles of columns, and products with it.

    A tile holds the `span` columns that `width` neighbouring outputs read. Only as many channels are copied
    at a time as stay in a core's cache: to copy them once more in the backward pass takes less time than to
    fetch them from memory.

    Parameters
    ----------
    geometry : Geometry
    source : ndarray
        (H, C, W, N).
    lasting : callable
    """

    def __init__(self, geometry: Geometry, source: FloatArray, lasting: Room) -> None:
        _, channels, _, batch = source.shape
        rows, columns = geometry.rows, geometry.columns
        self.kernel = geometry.kernel
        self.stride = columns.stride
        self.width = tile_width(columns.out)
        self.span = (self.width - 1) * columns.stride + self.kernel
        each = (columns.out // self.width, rows.padded, self.span, batch)
        count = min(channels, max(1, CACHED // (math.prod(each) * source.itemsize)))
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

    def weight_gradient(self, dy: FloatArray, grad: FloatArray, room: Room) -> Callable[[], None]:
        """Return a closure that writes the gradient of the kernels to `grad` (k, k, C)."""
        tiled = self._tiled(dy)
        partial = room((*tiled.shape[:4], self.kernel * self.span))
        total = np.empty((len(tiled), self.width, self.kernel, self.span), dy.dtype)
        sums, bands, target = (
            total.reshape(len(tiled), self.width, -1),
            self._bands(total),
            grad.transpose(2, 0, 1),
        )
        products = [
            (g.fill, tiled[g.channels], g.windows.swapaxes(3, 4), partial[g.channels]) for g in self._groups
        ]

        def backward() -> None:
            for fill, gradient, columns, share in products:
                fill()
                np.matmul(gradient, columns, out=share)
            np.add.reduce(partial, axis=(1, 2), out=sums)
            np.add.reduce(bands, axis=1, out=target)

        return backward

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
        """Return a closure that copies `source` into the tiles; what lies in the padding stays zero."""
        to_rows, rows = geometry.rows.positions(0, geometry.rows.padded)
        copies = []
        for tile in range(buffer.shape[1]):
            first = tile * self.width * self.stride
            to_columns, columns = geometry.columns.positions(first, self.span)
            copies.append((buffer[:, tile, to_rows, to_columns], source[rows, :, columns].swapaxes(0, 1)))

        return copying(copies)

    def _bands(self, banded: FloatArray) -> FloatArray:
        """View the numbers (C, width, k, k) of the banded matrix (C, width, k, span) that hold the kernel."""
        channel, pixel, row, column = banded.strides
        shape = (len(banded), self.width, self.kernel, self.kernel)
        return as_strided(banded, shape, (channel, pixel + self.stride * column, row, column))

    def _tiled(self, array: FloatArray) -> FloatArray:
        """View (H, C, W, N) as (C, tiles, H, width, N)."""
        height, channels, _, batch = array.shape
        return array.reshape(height, channels, -1, self.width, batch).transpose(1, 2, 0, 3, 4)

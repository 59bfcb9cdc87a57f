"""DepthwiseConv2D: one filter for each channel.

A channel alone gives matrix products with a single row, which no BLAS does well. So several output rows of a
channel are computed at once, as a product with a *banded* matrix that holds the kernel once per row: some
multiplications by zero, but at the speed of a matrix product instead of k² passes over memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

from engine.calls import Array, Call, WeightedParts, WeightedSum
from engine.integer import IntegerCall, IntegerDepthwise
from engine.knobs import knob
from engine.layers.conv2d import SlidingKernel, kernel_knob, padding_knob, stride_knob, window_of
from engine.layers.elementwise import ACTIVATIONS, activation_calls, activation_knob, finish
from engine.layers.rows import Geometry, Span, expansion
from engine.memory import CACHED, aligned
from engine.ops import Arrays, Bound, FloatArray, Op, Room, in_turn, nothing
from engine.params import Param, constant
from engine.specs import Shape

__all__ = ["DepthwiseConv2D"]


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
        bands = Bands(self.geometry, a.x)
        multiply = bands.product(a.y)

        def forward() -> None:
            multiply(kernels)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [bands.weight_gradient(a.dy, a.g["weight"], a.room)]
        if a.dx is not None:
            passes.append(_input_gradient(self.geometry, kernels, a.dy, a.dx))
        return Bound(forward, in_turn(passes))


def _input_gradient(
    geometry: Geometry, kernels: FloatArray, dy: FloatArray, dx: FloatArray
) -> Callable[[], None]:
    multiply = Bands(geometry.adjoint(), dy).product(dx)
    flipped = kernels[:, ::-1, ::-1]

    def backward() -> None:
        multiply(flipped)

    return backward


def rows_together(rows: Span) -> int:
    """Choose the output rows of a band: more than two spend more on zeros than they gain."""
    return 2 if rows.out % 2 == 0 else 1


@dataclass(frozen=True)
class _Group:
    """Some channels in the expanded buffer, which holds them after `expand` until another group's."""

    channels: slice
    expand: Callable[[], None]
    windows: FloatArray  # (blocks, C, taps, W·N)


class Bands:
    """The expanded source of a depthwise convolution, and products with it.

    Only as many channels are expanded at a time as stay in a core's cache: to expand them once more in the
    backward pass takes less time than to fetch them from memory.

    Parameters
    ----------
    geometry : Geometry
    source : ndarray
        (H, C, W, N).
    """

    def __init__(self, geometry: Geometry, source: FloatArray) -> None:
        _, channels, _, batch = source.shape
        rows, kernel, width = geometry.rows, geometry.kernel, geometry.columns.out
        self.together = rows_together(rows)
        self.kernel = kernel
        self.stride = rows.stride
        self.taps = ((self.together - 1) * rows.stride + kernel) * kernel
        each = rows.padded * kernel * width * batch * source.itemsize
        count = min(channels, max(1, CACHED // each))
        self._buffer = aligned((count, rows.padded, kernel, width, batch), source.dtype)
        self._groups = [
            self._group(geometry, source, slice(start, min(start + count, channels)))
            for start in range(0, channels, count)
        ]

    def product(self, y: FloatArray) -> Callable[[FloatArray], None]:
        """Return a closure that writes the convolution with kernels (C, k, k) to `y` (H, C, W, N)."""
        out = self._blocks(y)
        banded = np.zeros((out.shape[1], self.together, self.taps), y.dtype)
        bands = [banded[:, r, self._band(r)] for r in range(self.together)]
        products = [(g.expand, banded[g.channels], g.windows, out[:, g.channels]) for g in self._groups]

        def multiply(kernels: FloatArray) -> None:
            flat = kernels.reshape(len(kernels), -1)
            for band in bands:
                band[...] = flat
            for expand, matrix, windows, target in products:
                expand()
                np.matmul(matrix, windows, out=target)

        return multiply

    def weight_gradient(self, dy: FloatArray, grad: FloatArray, room: Room) -> Callable[[], None]:
        """Return a closure that writes the gradient of the kernels to `grad` (k, k, C)."""
        rows = self._blocks(dy)
        partial = room((*rows.shape[:3], self.taps))
        total = np.empty(partial.shape[1:], dy.dtype)
        bands = [total[:, r, self._band(r)] for r in range(self.together)]
        target = grad.reshape(-1, grad.shape[-1]).T  # (C, k²)
        products = [
            (g.expand, rows[:, g.channels], g.windows.transpose(0, 1, 3, 2), partial[:, g.channels])
            for g in self._groups
        ]

        def backward() -> None:
            for expand, gradient, columns, share in products:
                expand()
                np.matmul(gradient, columns, out=share)
            np.add.reduce(partial, axis=0, out=total)
            target[...] = bands[0]
            for band in bands[1:]:
                np.add(target, band, out=target)

        return backward

    def _group(self, geometry: Geometry, source: FloatArray, channels: slice) -> _Group:
        count = channels.stop - channels.start
        buffer = self._buffer[:count]
        channel, row, item = *buffer.strides[:2], buffer.itemsize
        length = buffer.shape[3] * buffer.shape[4]
        windows = as_strided(
            buffer,
            (geometry.rows.out // self.together, count, self.taps, length),
            (self.together * self.stride * row, channel, length * item, item),
            writeable=False,
        )
        expand = expansion(geometry, source[:, channels], buffer.transpose(1, 2, 0, 3, 4))
        return _Group(channels, expand, windows)

    def _band(self, row: int) -> slice:
        start = row * self.stride * self.kernel
        return slice(start, start + self.kernel * self.kernel)

    def _blocks(self, array: FloatArray) -> FloatArray:
        """View (H, C, W, N) as (blocks, C, rows together, W·N)."""
        height, channels = array.shape[:2]
        return array.reshape(height // self.together, self.together, channels, -1).transpose(0, 2, 1, 3)

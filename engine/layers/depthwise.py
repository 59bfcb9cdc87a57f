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
from engine.memory import aligned
from engine.ops import Arrays, Bound, FloatArray, Op, in_turn, nothing
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
            bands.expand()
            multiply(kernels)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [bands.weight_gradient(a.dy, a.g["weight"])]
        if a.dx is not None:
            passes.append(_input_gradient(self.geometry, kernels, a.dy, a.dx))
        return Bound(forward, in_turn(passes))


def _input_gradient(
    geometry: Geometry, kernels: FloatArray, dy: FloatArray, dx: FloatArray
) -> Callable[[], None]:
    bands = Bands(geometry.adjoint(), dy)
    multiply = bands.product(dx)
    flipped = kernels[:, ::-1, ::-1]

    def backward() -> None:
        bands.expand()
        multiply(flipped)

    return backward


def rows_together(rows: Span) -> int:
    """Choose the output rows of a band: more than two spend more on zeros than they gain."""
    return 2 if rows.out % 2 == 0 else 1


class Bands:
    """The expanded source of a depthwise convolution, channel by channel, and products with it.

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
        buffer = aligned((channels, rows.padded, kernel, width, batch), source.dtype)
        self.expand = expansion(geometry, source, buffer.transpose(1, 2, 0, 3, 4))
        taps = ((self.together - 1) * rows.stride + kernel) * kernel
        item = buffer.itemsize
        self.windows = as_strided(  # (blocks, C, taps, W·N)
            buffer,
            (rows.out // self.together, channels, taps, width * batch),
            (self.together * rows.stride * buffer.strides[1], buffer.strides[0], width * batch * item, item),
            writeable=False,
        )

    def product(self, y: FloatArray) -> Callable[[FloatArray], None]:
        """Return a closure that writes the convolution with kernels (C, k, k) to `y` (H, C, W, N)."""
        out = self._blocks(y)
        banded = np.zeros((out.shape[1], self.together, self.windows.shape[2]), y.dtype)
        bands = [banded[:, r, self._band(r)] for r in range(self.together)]
        windows = self.windows

        def multiply(kernels: FloatArray) -> None:
            flat = kernels.reshape(len(kernels), -1)
            for band in bands:
                band[...] = flat
            np.matmul(banded, windows, out=out)

        return multiply

    def weight_gradient(self, dy: FloatArray, grad: FloatArray) -> Callable[[], None]:
        """Return a closure that writes the gradient of the kernels to `grad` (k, k, C)."""
        rows = self._blocks(dy)
        columns = self.windows.transpose(0, 1, 3, 2)
        partial = np.empty((*rows.shape[:3], self.windows.shape[2]), dy.dtype)
        total = np.empty(partial.shape[1:], dy.dtype)
        bands = [total[:, r, self._band(r)] for r in range(self.together)]
        target = grad.reshape(-1, grad.shape[-1]).T  # (C, k²)

        def backward() -> None:
            np.matmul(rows, columns, out=partial)
            np.add.reduce(partial, axis=0, out=total)
            target[...] = bands[0]
            for band in bands[1:]:
                np.add(target, band, out=target)

        return backward

    def _band(self, row: int) -> slice:
        start = row * self.stride * self.kernel
        return slice(start, start + self.kernel * self.kernel)

    def _blocks(self, array: FloatArray) -> FloatArray:
        """View (H, C, W, N) as (blocks, C, rows together, W·N)."""
        height, channels = array.shape[:2]
        return array.reshape(height // self.together, self.together, channels, -1).transpose(0, 2, 1, 3)

"""Conv2D: a bank of small filters slides over the image; see `engine.nn.layers.rows` for how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from engine.int8.calls import IntegerCall, IntegerConv2D, Window
from engine.int8.stage_code import FAST, StageCode, Variant
from engine.knobs import knob
from engine.nn.activations import ACTIVATIONS, activation_knob
from engine.nn.kernel_calls import Array, Call, WeightedParts, WeightedSum
from engine.nn.layers.conv_gradients import input_gradient, weight_gradient
from engine.nn.layers.elementwise import activation_calls, finish
from engine.nn.layers.layouts import lines_bytes, row_lead, rows_in_turn, weights
from engine.nn.layers.rows import PADDINGS, Geometry, expanded, row_product
from engine.nn.layers.weighted import Weighted
from engine.nn.ops import Arrays, Bound, Op, in_turn, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.shapes import Shape, need_image, size

__all__ = ["Conv2D", "SlidingKernel", "kernel_knob", "padding_knob", "stride_knob", "window_of"]

PIXELS = 4  # that kernels/taps.c computes at a time
MOST_TAPS = 6  # in one block of kernels/taps.c


def kernel_knob() -> int:
    """Declare the side of a square kernel."""
    default: int = knob(3, "Kernel", "side of the square kernel", low=1, high=15, unit="px")
    return default


def stride_knob() -> int:
    """Declare the step of a kernel."""
    default: int = knob(1, "Stride", "step of the kernel", low=1, high=8, unit="px", advanced=True)
    return default


def padding_knob() -> str:
    """Declare what happens at the border."""
    doc = "same: zeros around the image keep its size; valid: only where the kernel fits"
    choices = dict(zip(PADDINGS, ("Same size", "No padding"), strict=True))
    default: str = knob("same", "Padding", doc, choices=choices)
    return default


class SlidingKernel(Weighted):
    """What layers share whose kernel slides over an image; each declares the fields in its own order."""

    kernel: int
    stride: int
    padding: str

    def geometry(self, x: Shape) -> Geometry:
        """Return how the kernel slides over an input of shape `x`."""
        height, width, _ = need_image(x, self.title)
        return Geometry.of(height, width, self.kernel, self.stride, self.padding)

    def summary(self) -> str:
        step = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}×{self.kernel}{step} {self.padding} {self.activation}"


@dataclass(frozen=True)
class Conv2D(SlidingKernel):
    """Two-dimensional convolution; weight is (filters, kernel, kernel, channels)."""

    kind = "conv2d"
    title = "Convolution"

    filters: int = knob(8, "Filters", "number of output channels", low=1, high=512)
    kernel: int = kernel_knob()
    stride: int = stride_knob()
    padding: str = padding_knob()
    activation: str = activation_knob("relu")
    bias: bool = knob(True, "Bias", "add a trained number to each channel", advanced=True)

    def out_shape(self, x: Shape) -> Shape:
        geometry = self.geometry(x)
        return (geometry.rows.out, geometry.columns.out, self.filters)

    def params(self, x: Shape) -> Mapping[str, Param]:
        shape = (self.filters, self.kernel, self.kernel, x[-1])
        init = ACTIVATIONS[self.activation].init(self.kernel * self.kernel * x[-1])
        weight = {"weight": Param(shape, init, decayed=True, channel_axis=self.channel_axis)}
        return weight | ({"bias": Param((self.filters,), constant(0))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        height, width, filters = self.out_shape(x)
        return height * width * filters * self.kernel * self.kernel * x[-1]

    def lower(self, x: Shape) -> tuple[Op, ...]:
        out = self.out_shape(x)
        return (Correlate(x, out, self.geometry(x)), *finish(out, self.bias, self.activation))

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        out = self.out_shape(x)
        sizes = {**self.geometry(x).c_sizes, "pool": 1}
        call = Convolution.of("conv2d", (x, out), Array(p["weight"], rows=True), p.get("bias"), sizes)
        return (call, *activation_calls(out, self.activation))

    def summary(self) -> str:
        return f"{self.filters} filters {super().summary()}"


@dataclass(frozen=True, eq=False)
class Convolution(WeightedSum):
    """A convolution with the maximum of squares of its output, if ``pool`` is more than 1."""

    many_registers: ClassVar[bool] = True

    def weighted(self, parts: WeightedParts) -> IntegerCall:
        return IntegerConv2D(*parts, window_of(self.sizes), self.sizes["pool"])

    def code(self, variant: Variant = FAST) -> StageCode:
        weight, bias = weights(self)
        folded, pool = _folded(self), self.sizes["pool"]
        return StageCode(
            self.kernel,
            {**self.sizes, **_sides(folded), "block": _block(self.sizes["kernel"] * self.in_shape[-1])},
            {"weight": rows_in_turn(weight.reshape(len(weight), -1), bias, together=2)},
            scratch=lines_bytes(folded, pool, self.in_shape[-1]),
            lead=row_lead(folded, pool),
            functions=self.functions,
        )


def _folded(call: Call) -> Call:
    """Return the convolution of pixels that do not see one another in rows that are computed at a time."""
    pixels = size(call.out_shape[:2])
    alone = call.in_shape[:2] == call.out_shape[:2] and call.sizes["kernel"] == call.sizes["pool"] == 1
    if not alone or pixels % PIXELS:
        return call
    rows = (pixels // PIXELS, PIXELS)
    return call.replace(in_shape=(*rows, call.in_shape[-1]), out_shape=(*rows, call.out_shape[-1]))


def _sides(call: Call) -> Mapping[str, int]:
    ends = {"in": call.in_shape, "out": call.out_shape}
    return {
        f"{end}_{name}": n
        for end, s in ends.items()
        for name, n in zip(("height", "width"), s[:2], strict=True)
    }


def _block(taps: int) -> int:
    """Choose how many taps of a row are multiplied at a time: what takes the fewest instructions."""

    def instructions(block: int) -> int:
        return taps // block * (16 * block + 7) + taps % block * 24

    return min(range(1, MOST_TAPS + 1), key=lambda block: (instructions(block), -block))


def window_of(sizes: Mapping[str, int]) -> Window:
    """Return how the kernel of a call with these `sizes` slides."""
    return Window(**{name: sizes[name] for name in ("kernel", "stride", "top", "left")})


@dataclass(frozen=True)
class Correlate(Op):
    """``y[h, k, w] = Σ weight[k, a, b, c] · x[h·s + a, c, w·s + b]`` over the padded input."""

    geometry: Geometry

    def bind(self, a: Arrays) -> Bound:
        weight = a.p["weight"]
        matrix = weight.reshape(len(weight), -1)  # (K, taps)
        buffer, expand = expanded(self.geometry, a.x, a.lasting)
        multiply = row_product(self.geometry, buffer, a.y)

        def forward() -> None:
            expand()
            multiply(matrix)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [weight_gradient(self.geometry, buffer, a.dy, a.g["weight"], a.room)]
        if a.dx is not None:
            passes.append(input_gradient(self.geometry, weight, a.dy, a.dx, a.room, a.lasting))
        return Bound(forward, in_turn(passes))

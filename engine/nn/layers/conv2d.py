"""Conv2D: a bank of small filters slides over the image; `engine.nn.layers.rows` says how it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from engine.int8.calls import IntegerCall, IntegerConv2D
from engine.knobs import knob
from engine.nn.activations import ACTIVATIONS, activation_knob
from engine.nn.kernel_calls import Array, Call, WeightedParts, WeightedSum
from engine.nn.layers.conv_gradients import input_gradient, weight_gradient
from engine.nn.layers.elementwise import activation_calls, finish
from engine.nn.layers.layouts import lines_bytes, row_lead, rows_in_turn, weights
from engine.nn.layers.rows import Geometry, expanded, row_product
from engine.nn.layers.sliding import SlidingKernel, kernel_knob, padding_knob, stride_knob, window_of
from engine.nn.ops import Arrays, Bound, Op, in_turn, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.shapes import Shape, size
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["Conv2D"]

PIXELS = 4  # that kernels/taps.c computes at a time
MOST_TAPS = 6  # in one block of kernels/taps.c


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
        call = Convolution.of("conv2d", (x, out), Array(p["weight"]), p.get("bias"), sizes)
        return (call, *activation_calls(out, self.activation))

    def summary(self) -> str:
        return f"{self.filters} filters {super().summary()}"


@dataclass(frozen=True, eq=False)
class Convolution(WeightedSum):
    """A convolution, followed by max pooling over squares of side ``pool`` if that is more than 1."""

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
    """Return a 1×1 convolution as one over rows of `PIXELS` pixels, and any other call unchanged."""
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
    """Return how many taps of a row to multiply at a time so that the fewest instructions are executed."""

    def instructions(block: int) -> int:
        return taps // block * (16 * block + 7) + taps % block * 24

    return min(range(1, MOST_TAPS + 1), key=lambda block: (instructions(block), -block))


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
        passes = [weight_gradient(self.geometry, buffer, a.dy, a.g["weight"], a.temporary)]
        if a.dx is not None:
            passes.append(input_gradient(self.geometry, weight, a.dy, a.dx, a.temporary, a.lasting))
        return Bound(forward, in_turn(passes))

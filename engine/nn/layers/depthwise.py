"""DepthwiseConv2D: one filter for each channel; `engine.nn.layers.tiles` says how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.int8.calls import IntegerCall, IntegerDepthwise
from engine.knobs import knob
from engine.nn.activations import ACTIVATIONS, activation_knob
from engine.nn.kernel_calls import Array, Call, WeightedParts, WeightedSum
from engine.nn.layers.elementwise import activation_calls, finish
from engine.nn.layers.layouts import lines_bytes, row_lead, weights
from engine.nn.layers.rows import Geometry
from engine.nn.layers.sliding import SlidingKernel, kernel_knob, padding_knob, stride_knob, window_of
from engine.nn.layers.tiles import Tiled
from engine.nn.ops import Allocate, Arrays, Bound, Op, in_turn, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.shapes import Shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["DepthwiseConv2D"]

GROUP = 4  # channels that kernels/depthwise_conv2d.c computes at a time


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

    many_registers: ClassVar[bool] = True

    def weighted(self, parts: WeightedParts) -> IntegerCall:
        return IntegerDepthwise(*parts, window_of(self.sizes))

    def code(self, variant: Variant = FAST) -> StageCode:
        weight, bias = weights(self)
        channels = self.in_shape[-1]
        filled = -(-channels // GROUP) * GROUP
        columns = np.zeros((1 + self.sizes["kernel"] ** 2, filled), np.float32)
        columns[:, :channels] = np.vstack([bias, weight.reshape(-1, channels)])
        groups = columns.reshape(len(columns), -1, GROUP).transpose(1, 0, 2)
        return StageCode(
            self.kernel,
            self.sizes,
            {"weight": groups.ravel()},
            scratch=lines_bytes(self, 1, filled),
            lead=row_lead(self, 1),
            functions=self.functions,
        )


@dataclass(frozen=True)
class CorrelateChannels(Op):
    """``y[h, c, w] = Σ weight[a, b, c] · x[h·s + a, c, w·s + b]`` over the padded input."""

    geometry: Geometry

    def bind(self, a: Arrays) -> Bound:
        kernels = a.p["weight"].transpose(2, 0, 1)  # (C, k, k)
        tiled = Tiled(self.geometry, a.x, a.lasting)
        multiply = tiled.product(a.y)

        def forward() -> None:
            multiply(kernels)

        if a.dy is None:
            return Bound(forward, nothing)
        passes = [tiled.weight_gradient(a.dy, a.g["weight"].transpose(2, 0, 1), a.temporary)]
        if a.dx is not None:
            passes.append(_input_gradient(self.geometry, kernels, a.dy, a.dx, a.lasting))
        return Bound(forward, in_turn(passes))


def _input_gradient(
    geometry: Geometry, kernels: FloatArray, dy: FloatArray, dx: FloatArray, lasting: Allocate
) -> Callable[[], None]:
    multiply = Tiled(geometry.adjoint(), dy, lasting).product(dx)
    flipped = kernels[:, ::-1, ::-1]

    def backward() -> None:
        multiply(flipped)

    return backward

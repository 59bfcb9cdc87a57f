"""Bias and activation functions, as operations, as a layer and as kernel calls. All work in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.int8.arithmetic import Affine
from engine.int8.calls import (
    IntegerCall,
    IntegerFixedSoftmax,
    IntegerSoftmax,
    IntegerTable,
    softmax_table,
)
from engine.int8.ranges import LayerRanges
from engine.nn.activations import ACTIVATIONS, LINEAR, PROBABILITY, ActivationFunction, activation_knob
from engine.nn.kernel_calls import Call, Training
from engine.nn.ops import Arrays, Bound, Op, channel_rows, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape

__all__ = ["MOST_CLASSES", "Activate", "Activation", "AddBias"]

MOST_CLASSES = 511
"""Of a softmax with given exponentials: the sum of more does not fit, see `IntegerFixedSoftmax`."""


@dataclass(frozen=True)
class AddBias(Op):
    """Add one number to each channel, in place."""

    in_place: ClassVar[bool] = True

    @property
    def keeps_order(self) -> bool:
        return True

    def reshaped(self, shape: Shape) -> Op:
        return AddBias(shape, shape)

    def bind(self, a: Arrays) -> Bound:
        y, dy = a.y, a.dy
        column = (slice(None), None, None) if y.ndim == 4 else (slice(None), None)
        bias = a.p["bias"][column]

        def forward() -> None:
            np.add(y, bias, out=y)

        if dy is None:
            return Bound(forward, nothing)
        grad = a.g["bias"]
        rows = channel_rows(dy)  # (rows, channels, pixels); flat vectors have one row
        ones = np.ones(rows.shape[2], dy.dtype)
        partial = np.empty(rows.shape[:2], dy.dtype) if len(rows) > 1 else grad[None]

        def backward() -> None:
            np.vecdot(rows, ones, out=partial)  # a sum, by BLAS: twice as fast as add.reduce
            if len(rows) > 1:
                np.add.reduce(partial, axis=0, out=grad)

        return Bound(forward, backward)


@dataclass(frozen=True)
class Activate(Op):
    """Apply an activation function in place."""

    function: ActivationFunction = LINEAR

    in_place: ClassVar[bool] = True
    reads_output: ClassVar[bool] = True

    @property
    def keeps_order(self) -> bool:
        return self.function.monotone

    def reshaped(self, shape: Shape) -> Op:
        return Activate(shape, shape, self.function)

    def bind(self, a: Arrays) -> Bound:
        y, dy, function = a.y, a.dy, self.function
        zero = a.lasting(y.shape[1:] if y.ndim == 4 else y.shape)

        def forward() -> None:
            function.forward(y, zero)

        if dy is None:
            return Bound(forward, nothing)
        gradient, mask = dy, a.scratch.take(y.shape, np.bool_)

        def backward() -> None:
            function.backward(y, gradient, mask)

        return Bound(forward, backward)


def finish(shape: Shape, bias: bool, activation: str) -> tuple[Op, ...]:
    """Return the operations after a weighted sum: the bias, if any, and the activation, unless linear."""
    function = ACTIVATIONS[activation]
    ops: tuple[Op, ...] = (AddBias(shape, shape),) if bias else ()
    return ops if function is LINEAR else (*ops, Activate(shape, shape, function))


@dataclass(frozen=True)
class Activation(LayerSpec):
    """A function applied to every number."""

    kind = "activation"
    title = "Activation"

    function: str = activation_knob("relu")

    def out_shape(self, x: Shape) -> Shape:
        return x

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Activate(x, x, ACTIVATIONS[self.function]),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return activation_calls(x, self.function)


@dataclass(frozen=True, eq=False)
class Softmax(Call):
    """Softmax over the channels."""

    in_place: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall | None:
        if ranges.integers is not None:
            if self.in_shape[-1] > MOST_CLASSES:
                return None
            shapes = (self.in_shape, self.out_shape)
            return IntegerFixedSoftmax(*shapes, source, ranges.integers.output, ranges.integers.exponentials)
        table = softmax_table(source.scale, self.in_shape[-1])
        return IntegerSoftmax(self.in_shape, self.out_shape, source, PROBABILITY, table)


@dataclass(frozen=True, eq=False)
class Map(Call):
    """A pointwise function, which most kernels apply to their output themselves."""

    in_place: ClassVar[bool] = True
    takes_function: ClassVar[bool] = True

    def merged(self, before: Call) -> Call | None:
        return None if self.function is None else before.applied(self.function)

    def training(self) -> Training:
        return Training(self.kernel, "")

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        if ranges.integers is not None:
            given = ranges.integers
            return IntegerTable(self.in_shape, self.out_shape, source, given.output, given.bytes_table)
        function = self.function or LINEAR
        target = function.target(ranges.output)
        return IntegerTable(self.in_shape, self.out_shape, source, target, function.table(source, target))


NOT_POINTWISE: Mapping[str, type[Call]] = {"softmax": Softmax}
"""The calls of the activation functions that are not pointwise, by name."""


def activation_calls(shape: Shape, name: str) -> tuple[Call, ...]:
    """Return the calls that apply the activation `name` to an array of `shape`."""
    function = ACTIVATIONS[name]
    if function is LINEAR:
        return ()
    if function.pointwise:
        return (Map("map", shape, shape, function=function),)
    return (NOT_POINTWISE[name](name, shape, shape),)

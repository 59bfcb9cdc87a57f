"""Dense layer: every output depends on every input; each pass is a matrix product, as the batch is last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.errors import SpecError
from engine.int8.calls import IntegerCall, IntegerDense
from engine.knobs import knob
from engine.nn.activations import ACTIVATIONS, activation_knob
from engine.nn.kernel_calls import Array, Call, WeightedParts, WeightedSum
from engine.nn.layers.elementwise import activation_calls, finish
from engine.nn.layers.layouts import rows_in_turn, weights
from engine.nn.layers.products import pieces
from engine.nn.layers.weighted import Weighted
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.shapes import Shape, describe_shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["Dense"]

GROUP = 4  # outputs that kernels/dense.c computes at a time


@dataclass(frozen=True)
class Dense(Weighted):
    """``y = activation(weight @ x + bias)``; weight is (units, features)."""

    kind = "dense"
    title = "Dense"

    units: int = knob(10, "Units", "number of outputs", low=1, high=4096)
    activation: str = activation_knob()
    bias: bool = knob(True, "Bias", "add a trained number to each output", advanced=True)

    def out_shape(self, x: Shape) -> Shape:
        if len(x) != 1:
            raise SpecError(
                f"Dense needs a flat input but gets {describe_shape(x)}; put Flatten or "
                "global average pooling before it."
            )
        return (self.units,)

    def params(self, x: Shape) -> Mapping[str, Param]:
        features = x[0]
        init = ACTIVATIONS[self.activation].init(features)
        weight = {"weight": Param((self.units, features), init, decayed=True, channel_axis=self.channel_axis)}
        return weight | ({"bias": Param((self.units,), constant(0))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        return self.units * x[0]

    def lower(self, x: Shape) -> tuple[Op, ...]:
        out = self.out_shape(x)
        return (MatMul(x, out), *finish(out, self.bias, self.activation))

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        out = self.out_shape(x)
        weight = Array(p["weight"], features=1)
        call = Product.of("dense", (x, out), weight, p.get("bias"), {})
        return (call, *activation_calls(out, self.activation))

    def summary(self) -> str:
        return f"{self.units} {self.activation}"


@dataclass(frozen=True, eq=False)
class Product(WeightedSum):
    """A weight matrix times the input."""

    def weighted(self, parts: WeightedParts) -> IntegerCall:
        return IntegerDense(*parts)

    def code(self, variant: Variant = FAST) -> StageCode:
        """Return the C code of a dense layer.

        Blocks of 4 inputs are faster than blocks of 2. But they need more flash, and registers that must be
        saved on the stack, which the kernels of convolutions do anyway.
        """
        block = 4 if variant.registers else 2
        weight, bias = weights(self)
        whole = weight.shape[1] // block * block
        parts = [rows_in_turn(weight[:, :whole], bias, together=GROUP), weight[:, whole:].T.ravel()]
        arrays = {"weight": np.concatenate(parts)}
        return StageCode(self.kernel, {"block": block}, arrays, functions=self.functions)


@dataclass(frozen=True)
class MatMul(Op):
    """``y = weight @ x``."""

    reads_images: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        x, y, dx, dy = a.x, a.y, a.dx, a.dy
        weight = a.p["weight"]
        units, features = weight.shape
        rows = pieces(units, features * a.batch, least=4)
        weight_rows, y_rows = weight.reshape(rows, -1, features), y.reshape(rows, -1, a.batch)

        def forward() -> None:
            np.matmul(weight_rows, x, out=y_rows)

        if dy is None:
            return Bound(forward, nothing)
        gradient = _gradient(dy, x, a.g["weight"])
        if dx is None:
            return Bound(forward, gradient)
        columns = pieces(features, units * a.batch, least=16)
        transposed = weight.reshape(units, columns, -1).transpose(1, 2, 0)
        dx_rows = dx.reshape(columns, -1, a.batch)

        def backward() -> None:
            gradient()
            np.matmul(transposed, dy, out=dx_rows)

        return Bound(forward, backward)


def _gradient(dy: FloatArray, x: FloatArray, grad: FloatArray) -> Callable[[], None]:
    """Return a closure that writes the weight's gradient ``dy @ x.T``.

    If each image is contiguous in memory, ``x.T`` needs no transposition; then short pieces are faster.
    """
    units, batch = dy.shape
    features = len(x)
    plain = x.strides[0] < x.strides[1]
    rows = pieces(units, features * batch, least=4) if plain else 1
    dy_rows, grad_rows = dy.reshape(rows, -1, batch), grad.reshape(rows, -1, features)

    def backward() -> None:
        np.matmul(dy_rows, x.T, out=grad_rows)

    return backward

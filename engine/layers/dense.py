"""Dense: every output sees every input; with the batch last it is one matrix product each way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.calls import Array, Call, WeightedSum
from engine.errors import SpecError
from engine.knobs import knob
from engine.layers.elementwise import ACTIVATIONS, activation_calls, activation_knob, finish
from engine.layers.products import pieces
from engine.ops import Arrays, Bound, FloatArray, Op, nothing
from engine.params import Param, constant
from engine.specs import LayerSpec, Shape, describe_shape

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(LayerSpec):
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
        weight = {"weight": Param((self.units, features), init, decayed=True)}
        return weight | ({"bias": Param((self.units,), constant(0))} if self.bias else {})

    def macs(self, x: Shape) -> int:
        return self.units * x[0]

    def lower(self, x: Shape) -> tuple[Op, ...]:
        out = self.out_shape(x)
        return (MatMul(x, out), *finish(out, self.bias, self.activation))

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        out = self.out_shape(x)
        weight = Array(p["weight"], features=1, rows=True)
        call = WeightedSum.of("dense", (x, out), weight, p.get("bias"), {})
        return (call, *activation_calls(out, self.activation))

    def summary(self) -> str:
        return f"{self.units} {self.activation}"


@dataclass(frozen=True)
class MatMul(Op):
    """``y = weight @ x``."""

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
        grad = a.g["weight"]
        if dx is None:
            return Bound(forward, lambda: _product(dy, x.T, grad))
        columns = pieces(features, units * a.batch, least=16)
        transposed = weight.reshape(units, columns, -1).transpose(1, 2, 0)
        dx_rows = dx.reshape(columns, -1, a.batch)

        def backward() -> None:
            np.matmul(dy, x.T, out=grad)
            np.matmul(transposed, dy, out=dx_rows)

        return Bound(forward, backward)


def _product(left: FloatArray, right: FloatArray, out: FloatArray) -> None:
    np.matmul(left, right, out=out)

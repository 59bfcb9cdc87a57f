"""Negate: every number with the other sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.int8.arithmetic import Affine, Int8s
from engine.int8.calls import IntegerCall
from engine.int8.ranges import LayerRanges
from engine.nn.kernel_calls import Call
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["Negate"]


@dataclass(frozen=True)
class Negate(LayerSpec):
    """``y = -x``."""

    kind = "negate"
    title = "Negate"

    def out_shape(self, x: Shape) -> Shape:
        return x

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Turn(x, x),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return (Negation("negate", x, x),)


@dataclass(frozen=True, eq=False)
class Negation(Call):
    """The other sign."""

    in_place: ClassVar[bool] = True

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        target = Affine(source.scale, -1 - source.zero_point)
        return IntegerNegation(self.in_shape, self.out_shape, source, target)


@dataclass(frozen=True, eq=False)
class IntegerNegation(IntegerCall):
    """``-1 - q``, all bits turned: held with the zero point turned too, that is -x exactly."""

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        return ~x

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("negate_s8")


@dataclass(frozen=True)
class Turn(Op):
    """``y = -x``."""

    def bind(self, a: Arrays) -> Bound:
        x, y, dx, dy = a.x, a.y, a.dx, a.dy

        def forward() -> None:
            np.negative(x, out=y)

        if dy is None or dx is None:
            return Bound(forward, nothing)

        def backward() -> None:
            np.negative(dy, out=dx)

        return Bound(forward, backward)

"""Upsample2D: each pixel becomes a square of equal pixels (nearest neighbour)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.int8.arithmetic import Affine, Int8s
from engine.int8.calls import IntegerCall
from engine.int8.ranges import LayerRanges
from engine.knobs import knob
from engine.nn.kernel_calls import Call
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape, need_image
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["Upsample2D"]


@dataclass(frozen=True)
class Upsample2D(LayerSpec):
    """Each pixel repeated `factor` times in both directions."""

    kind = "upsample2d"
    title = "Upsample"

    factor: int = knob(2, "Factor", "side of the square that each pixel becomes", low=2, high=4)

    def out_shape(self, x: Shape) -> Shape:
        height, width, channels = need_image(x, self.title)
        return (height * self.factor, width * self.factor, channels)

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Repeat(x, self.out_shape(x), self.factor),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return (Upsampling("upsample", x, self.out_shape(x), {"factor": self.factor}),)

    def summary(self) -> str:
        return f"{self.factor}×"


@dataclass(frozen=True, eq=False)
class Upsampling(Call):
    """Pixels repeated in both directions."""

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        return IntegerUpsampling(self.in_shape, self.out_shape, source, source, self.sizes["factor"])


@dataclass(frozen=True, eq=False)
class IntegerUpsampling(IntegerCall):
    """Pixels repeated in both directions; input and output have the same scale."""

    factor: int

    def run(self, x: Int8s) -> Int8s:
        return x.repeat(self.factor, axis=1).repeat(self.factor, axis=2)

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode("upsample_s8", {"factor": self.factor})


@dataclass(frozen=True)
class Repeat(Op):
    """``y[h, c, w] = x[h / factor, c, w / factor]``."""

    factor: int = 2

    def bind(self, a: Arrays) -> Bound:
        x, dx = a.x, a.dx
        repeated = self._squares(a.y)

        def forward() -> None:
            np.copyto(repeated, x[:, None, :, :, None])

        if a.dy is None or dx is None:
            return Bound(forward, nothing)
        gradients = self._squares(a.dy)

        def backward() -> None:
            np.add.reduce(gradients, axis=(1, 4), out=dx)

        return Bound(forward, backward)

    def _squares(self, y: FloatArray) -> FloatArray:
        """View `y` (H, C, W, N) as (in H, factor, C, in W, factor, N)."""
        height, channels, width, batch = y.shape
        n = self.factor
        return y.reshape(height // n, n, channels, width // n, n, batch)

"""PReLU: a leaky ReLU with a trained slope for each channel (He et al. 2015).

In int8 it is computed as in TensorFlow Lite Micro, but the slope of each channel has a scale of its own:
``q - zero_point`` is multiplied by an int8 weight, then requantized. There is one pair of weight and
multiplier for inputs of 0 and above, and one for inputs below 0. The first weight is 127; the second has the
sign of the slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.int8.arithmetic import Affine, Int8s, Int32s, Requantization
from engine.int8.calls import IntegerCall
from engine.int8.calls.as_bytes import requantization_sizes, zero_byte
from engine.int8.ranges import LayerRanges
from engine.int8.sums import RealSum
from engine.nn.kernel_calls import Array, Call, Start, Training
from engine.nn.ops import Arrays, Bound, Op, channel_rows, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.nn.specs import LayerSpec
from engine.shapes import Shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["PReLU"]

SLOPE = 0.25  # at the start, as in PyTorch


@dataclass(frozen=True)
class PReLU(LayerSpec):
    """``y = x`` for positive x, otherwise ``y = slope · x``, with a trained slope for each channel."""

    kind = "prelu"
    title = "PReLU"

    def out_shape(self, x: Shape) -> Shape:
        return x

    def params(self, x: Shape) -> Mapping[str, Param]:
        return {"slope": Param((x[-1],), constant(SLOPE))}

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (PReLUOp(x, x),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        slope = Array(p["slope"], features=0 if len(x) == 1 else None)
        return (PReLUCall("prelu", x, x, {}, {"slope": slope}),)

    def summary(self) -> str:
        return ""


@dataclass(frozen=True, eq=False)
class PReLUCall(Call):
    """PReLU with the array ``slope``, one number for each channel."""

    in_place: ClassVar[bool] = True

    def training(self) -> Training:
        return Training(self.kernel, "train_prelu_backward", {"slope": Start(mean=SLOPE)})

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        slope = self.arrays["slope"].values
        weight = np.concatenate([np.ones_like(slope), slope])
        sums = RealSum.of(weight[None], np.zeros(len(weight)), -1, source.scale)
        target = ranges.output.affine.coarser(sums.smallest_scale)
        integers = sums.scaled_to(target.scale)
        return IntegerPReLU(
            self.in_shape,
            self.out_shape,
            source,
            target,
            integers.weight.reshape(2, -1),
            integers.multiplier.reshape(2, -1),
            integers.shift.reshape(2, -1),
        )


@dataclass(frozen=True, eq=False)
class IntegerPReLU(IntegerCall):
    """``requantization(weight · (q - zero_point))``, with other numbers for inputs below 0.

    Attributes
    ----------
    weight : ndarray of int8, shape (2, channels)
        Row 0 is for inputs of 0 and above, row 1 for inputs below 0; also in `multiplier` and `shift`.
    multiplier, shift : ndarray of int32, shape (2, channels)
    """

    weight: Int8s
    multiplier: Int32s
    shift: Int32s

    in_place: ClassVar[bool] = True

    def run(self, x: Int8s) -> Int8s:
        centred = x.astype(np.int32) - self.source.zero_point
        sides = [self._side(side)(centred * self.weight[side]) for side in range(2)]
        result: Int8s = np.where(centred >= 0, sides[0], sides[1])
        return result

    def _side(self, side: int) -> Requantization:
        return Requantization(self.multiplier[side], self.shift[side], self.target.zero_point)

    def code(self, variant: Variant = FAST) -> StageCode:
        columns = [self.weight, self.multiplier, self.shift - 1]
        scaling = np.stack([np.asarray(column, np.int32) for column in columns], axis=-1)
        sizes = {"in_zero": zero_byte(self.source), **requantization_sizes(self._side(0))}
        return StageCode("prelu_s8", sizes, {"scaling": scaling.transpose(1, 0, 2).ravel()})


@dataclass(frozen=True)
class PReLUOp(Op):
    """``y = max(x, 0) + slope · min(x, 0)``.

    Not in place: the backward pass reads the sign of x, which does not follow from y if a slope is negative.
    """

    def bind(self, a: Arrays) -> Bound:
        x, y, slope = channel_rows(a.x), channel_rows(a.y), a.p["slope"][:, None]
        below = channel_rows(a.temporary(a.x.shape))

        def forward() -> None:
            np.minimum(x, 0, out=below)
            np.multiply(below, slope, out=below)
            np.maximum(x, 0, out=y)
            np.add(y, below, out=y)

        if a.dy is None:
            return Bound(forward, nothing)
        dy, grad = channel_rows(a.dy), a.g["slope"]
        dx = None if a.dx is None else channel_rows(a.dx)
        positive = a.scratch.take(x.shape, np.bool_)

        def backward() -> None:
            np.minimum(x, 0, out=below)
            np.multiply(below, dy, out=below)
            np.add.reduce(below, axis=(0, 2), out=grad)
            if dx is not None:
                np.multiply(dy, slope, out=dx)
                np.greater(x, 0, out=positive)
                np.copyto(dx, dy, where=positive)

        return Bound(forward, backward)

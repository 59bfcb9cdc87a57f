"""Dropout: in training each number is set to 0 with some probability; in inference nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.knobs import knob
from engine.nn.kernel_calls import Call, Training
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape, size

__all__ = ["Dropout"]

DRAWS = 1 << 24  # the random numbers of a device are whole numbers below this


@dataclass(frozen=True)
class Dropout(LayerSpec):
    """Inverted dropout (Srivastava et al. 2014): numbers that are kept are multiplied by 1 / (1 - rate)."""

    kind = "dropout"
    title = "Dropout"

    rate: float = knob(0.2, "Rate", "share of numbers dropped while training", low=0.0, high=0.95)

    def out_shape(self, x: Shape) -> Shape:
        return x

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Drop(x, x, self.rate),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return ()

    def training_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        threshold = round(self.rate * DRAWS)
        return (DropCall("train_dropout", x, x, {"threshold": threshold}),) if threshold else ()


@dataclass(frozen=True, eq=False)
class DropCall(Call):
    """Dropout on a device: a number is dropped if a random whole number is less than ``threshold``."""

    in_place: ClassVar[bool] = True

    def training(self) -> Training:
        return Training(self.kernel, "train_dropout_backward", kept=size(self.out_shape))


@dataclass(frozen=True)
class Drop(Op):
    """Multiply by a random mask of 0 and 1 / (1 - rate), in place."""

    rate: float = 0.0

    in_place: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        y, dy, rng = a.y, a.dy, a.rng
        if not a.train or self.rate == 0:
            return Bound(nothing, nothing)
        draw = np.empty(y.shape, np.float32)
        mask = np.empty_like(y)
        scale = y.dtype.type(1 / (1 - self.rate))
        rate = np.float32(self.rate)

        def forward() -> None:
            rng.random(out=draw, dtype=np.float32)
            np.multiply(draw >= rate, scale, out=mask)
            np.multiply(y, mask, out=y)

        def backward() -> None:
            if dy is not None:
                np.multiply(dy, mask, out=dy)

        return Bound(forward, backward)

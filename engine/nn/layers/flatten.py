"""Flatten: the same numbers as one vector, in the order of memory (row, channel, column)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.nn.kernel_calls import Call, Order, channels_last
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape, size

__all__ = ["Flatten"]


@dataclass(frozen=True)
class Flatten(LayerSpec):
    """Reshape (height, width, channels) to one vector.

    Feature ``(row * channels + channel) * width + column`` is the pixel (row, column) of that channel: the
    engine's memory order. Writers of other formats permute the weights of the next layer.
    """

    kind = "flatten"
    title = "Flatten"

    def out_shape(self, x: Shape) -> Shape:
        return (size(x),)

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Reshape(x, self.out_shape(x)),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return (Unroll("", x, self.out_shape(x)),)


@dataclass(frozen=True)
class Reshape(Op):
    """Nothing to compute: output and gradient are views of input and gradient."""

    view: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        return Bound(nothing, nothing)


@dataclass(frozen=True, eq=False)
class Unroll(Call):
    """Nothing to compute in C either, but there channels come last, so the features are in another order."""

    view: ClassVar[bool] = True

    def order_after(self, order: Order | None) -> Order | None:
        if len(self.in_shape) != 3:
            return order
        height, width, channels = self.in_shape
        return channels_last(np.arange(size(self.in_shape)).reshape(height, channels, width))

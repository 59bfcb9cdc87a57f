"""Flatten: the same numbers as one vector, in the order of memory (row, channel, column)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.ops import Arrays, Bound, Op, nothing
from engine.specs import LayerSpec, Shape, size

__all__ = ["Flatten"]


@dataclass(frozen=True)
class Flatten(LayerSpec):
    """Reshape (height, width, channels) to one vector.

    Feature ``(row * channels + channel) * width + column`` is the pixel (row, column) of that channel: the
    engine's memory order. Writers of other formats permute the weights of what follows.
    """

    kind = "flatten"
    title = "Flatten"

    def out_shape(self, x: Shape) -> Shape:
        return (size(x),)

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Reshape(x, self.out_shape(x)),)


@dataclass(frozen=True)
class Reshape(Op):
    """Nothing to compute: output and gradient are views of input and gradient."""

    view: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        return Bound(nothing, nothing)

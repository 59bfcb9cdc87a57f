"""What all int8 calls share: shapes, how input and output are held, and what is to be computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.int8.arithmetic import Affine, Int8s
from engine.int8.stage_code import FAST, StageCode, Variant
from engine.shapes import Shape, size

__all__ = ["IntegerCall"]


@dataclass(frozen=True, eq=False)
class IntegerCall:
    """One call of an int8 kernel.

    Attributes
    ----------
    in_shape, out_shape : tuple of int
    source, target : Affine
        How input and output are held.
    """

    in_shape: Shape
    out_shape: Shape
    source: Affine
    target: Affine

    in_place: ClassVar[bool] = False
    """Whether the output may overwrite the input, number by number."""

    @property
    def taps(self) -> int:
        """How many numbers are read for each that is computed."""
        return max(1, size(self.in_shape) // size(self.out_shape))

    @property
    def working_size(self) -> int:
        """How many numbers `run` holds at once for each image, about."""
        return size(self.in_shape) + size(self.out_shape)

    def run(self, x: Int8s) -> Int8s:
        """Return the output for inputs `x`, (images, *in_shape)."""
        raise NotImplementedError

    def code(self, variant: Variant = FAST) -> StageCode:
        """Return the C of this call: its kernel, and its arrays in the order in which that reads them."""
        raise NotImplementedError

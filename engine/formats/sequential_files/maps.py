"""Feature maps as the file's program holds them, and how they differ from the engine's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.nn.kernel_calls import Order
from engine.shapes import Shape

__all__ = ["FileMap", "Kind", "swapped", "turned"]


class Kind(IntEnum):
    """The number of a type of layer."""

    DENSE = 1
    CONVOLUTION = 2
    POOLING = 3
    ACTIVATION = 4
    FLATTEN = 5


@dataclass(frozen=True)
class FileMap:
    """The shape of a feature map in the file's program.

    Attributes
    ----------
    width, height, depth : int
    transposed : bool
        Whether x and y are swapped there, in comparison with the engine.
    """

    width: int
    height: int
    depth: int
    transposed: bool = False

    @classmethod
    def of(cls, shape: Shape, transposed: bool) -> FileMap:
        """Return the map that the engine holds as `shape`, (height, width, channels)."""
        height, width = swapped(shape[:2], transposed)
        return cls(width, height, shape[2], transposed)

    @property
    def shape(self) -> Shape:
        """Its shape in the engine, (height, width, channels)."""
        return (*swapped((self.height, self.width), self.transposed), self.depth)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return self.width * self.height * self.depth

    @property
    def sizes(self) -> str:
        """Its shape as the file has it."""
        return f"{self.width} {self.height} {self.depth}"

    @property
    def flat_order(self) -> Order:
        """For each number of the flat map in the file, its index in the engine."""
        height, width, depth = self.shape
        places = np.arange(self.size).reshape(height, depth, width).transpose(1, 0, 2)
        return (places.swapaxes(1, 2) if self.transposed else places).ravel()

    def pooled(self, size: int) -> FileMap:
        """Return the map after pooling over squares of side `size`."""
        flipped = not self.transposed
        return replace(self, width=self.height // size, height=self.width // size, transposed=flipped)


def swapped(pair: Any, transposed: bool) -> Any:
    """Return a pair of rows and columns in the other order if `transposed`."""
    return (pair[1], pair[0]) if transposed else tuple(pair)


def turned(kernels: NDArray[Any], transposed: bool) -> NDArray[Any]:
    """Return kernels (…, rows, columns) with rows and columns swapped if `transposed`."""
    return kernels.swapaxes(-1, -2) if transposed else kernels

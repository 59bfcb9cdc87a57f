"""What layers lower themselves to: array operations bound once to buffers, then run cheaply.

An `Op` knows its shapes and a few algebraic facts. `bind` receives the arrays of one workspace and
returns two closures that read and write them, allocating nothing that grows with the network. Arrays
are *batch last*: a feature map is (height, channels, width, batch), a flat vector (features, batch), so a
dense layer is one ``weight @ x`` and pooling, bias and activation run over long contiguous rows.

Because bias and a monotone activation commute with taking a maximum, `pool_early` moves max pooling
before them: a quarter of the elementwise work for 2×2 pools, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.nn.memory import Memory, Scratch
from engine.shapes import Shape

__all__ = [
    "Arrays",
    "Bound",
    "LayerOp",
    "Op",
    "Room",
    "batch_shape",
    "channel_rows",
    "copying",
    "in_turn",
    "nothing",
    "pool_early",
]

FloatArray = NDArray[np.floating[Any]]
Room = Callable[[Shape], FloatArray]
"""Gives memory of a shape."""


def batch_shape(shape: Shape, batch: int) -> Shape:
    """Return the array shape of `batch` items of `shape`: (H, C, W, N), or (F, N) when flat."""
    if len(shape) == 3:
        height, width, channels = shape
        return (height, channels, width, batch)
    return (*shape, batch)


def channel_rows(array: FloatArray) -> FloatArray:
    """View (H, C, W, N) as (H, C, W·N) and (F, N) as (1, F, N): channels in the middle."""
    return array.reshape(*array.shape[:2], -1) if array.ndim == 4 else array[None]


@dataclass(frozen=True)
class Arrays:
    """The arrays that one operation works on, in one workspace.

    Attributes
    ----------
    x, y : ndarray
        Input and output; the same array for an operation that works in place.
    dx, dy : ndarray or None
        Gradients of the loss with respect to them; `dx` is None where nobody needs it, both are None
        in a workspace that only predicts.
    p, g : mapping of str to ndarray
        The layer's parameters and their gradients. For state (running statistics) `g` receives the
        statistic observed in this batch.
    train : bool
        Whether forward behaves as in training (dropout, batch statistics).
    rng : numpy.random.Generator
        For dropout.
    memory : Memory
        For what lasts.
    scratch : Scratch
        For what lasts one pass, forward or backward.
    kept : dict of str to ndarray
        What the operations of one layer leave for each other.
    """

    x: FloatArray
    y: FloatArray
    dx: FloatArray | None
    dy: FloatArray | None
    p: Mapping[str, FloatArray]
    g: Mapping[str, FloatArray]
    train: bool
    rng: np.random.Generator
    memory: Memory = field(default_factory=Memory)
    scratch: Scratch = field(default_factory=lambda: Scratch(Memory()))
    kept: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """The number of items in the arrays."""
        return int(self.x.shape[-1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32, or float64 in gradient checks."""
        return self.x.dtype

    def lasting(self, shape: Shape) -> FloatArray:
        """Return zeros that nothing else writes to (a `Room`)."""
        return self.memory.take(shape, self.dtype)

    def room(self, shape: Shape) -> FloatArray:
        """Return memory whose contents last one pass: the next operation writes there too (a `Room`)."""
        return self.scratch.take(shape, self.dtype)


@dataclass(frozen=True)
class Bound:
    """An operation bound to arrays: call `forward`, then `backward` (a no-op when only predicting)."""

    forward: Callable[[], None]
    backward: Callable[[], None]


def nothing() -> None:
    """Do nothing: the backward pass of an operation that has none."""


def copying(pairs: Sequence[tuple[FloatArray, FloatArray]]) -> Callable[[], None]:
    """Return a closure that copies, of each pair, the second array to the first."""

    def copy() -> None:
        for target, origin in pairs:
            np.copyto(target, origin)

    return copy


def in_turn(steps: Sequence[Callable[[], None]]) -> Callable[[], None]:
    """Return a closure that runs `steps` one after the other."""

    def run() -> None:
        for step in steps:
            step()

    return run


@dataclass(frozen=True)
class Op:
    """One array operation.

    The class attributes are the algebra that a workspace relies on: `in_place` operations write their
    output over their input (the gradients too); `view` operations only reshape; one that `reads_output`
    needs its output unchanged in the backward pass, so what follows must not work in place on it;
    `keeps_order` operations commute with `is_max` ones.
    """

    in_shape: Shape
    out_shape: Shape

    in_place: ClassVar[bool] = False
    view: ClassVar[bool] = False
    reads_output: ClassVar[bool] = False
    is_max: ClassVar[bool] = False
    reads_images: ClassVar[bool] = False  # as the first operation it is faster with each image in one piece

    @property
    def keeps_order(self) -> bool:
        """Whether it is elementwise, the same for all pixels of a channel, and never decreasing."""
        return False

    def bind(self, a: Arrays) -> Bound:
        """Return the passes over the arrays `a`."""
        raise NotImplementedError

    def reshaped(self, shape: Shape) -> Op:
        """Return the same operation on feature maps of another height and width."""
        raise NotImplementedError


LayerOp = tuple[int, Op]
"""An operation with the index of the layer that it came from, whose parameters it uses."""


def pool_early(ops: Sequence[LayerOp]) -> list[LayerOp]:
    """Move each maximum before the order-keeping operations in front of it."""
    result: list[LayerOp] = []
    for layer, op in ops:
        place = len(result)
        while op.is_max and place and result[place - 1][1].keeps_order:
            place -= 1
        for index in range(place, len(result)):
            owner, moved = result[index]
            result[index] = (owner, moved.reshaped(op.out_shape))
        result.insert(place, (layer, op))
    return result

"""Array operations: layers are lowered to them. They are bound to buffers once, then run many times.

An `Op` knows its shapes and a few algebraic facts. `bind` receives the arrays of one workspace and returns
two closures that read and write them and allocate no large arrays. The batch is the *last* axis: a feature
map is (height, channels, width, batch), a flat vector (features, batch). So a dense layer is one product,
``weight @ x``, and pooling, bias and activation run over long contiguous rows.

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
from engine.nn.param import FloatArray
from engine.shapes import Shape

__all__ = [
    "Allocate",
    "Arrays",
    "Bound",
    "LayerOp",
    "Op",
    "batch_shape",
    "channel_rows",
    "copying",
    "in_turn",
    "nothing",
    "pool_early",
]

Allocate = Callable[[Shape], FloatArray]
"""Returns an array of the given shape and of the workspace's dtype."""


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
        Input and output, (H, C, W, N) or (F, N); the same array for an operation that works in place.
    dx, dy : ndarray or None
        Gradients of the loss with respect to `x` and `y`. `dx` is None if no operation reads it; both are
        None in a workspace that only predicts.
    p, g : mapping of str to ndarray
        The layer's parameters and their gradients. For running statistics, `g` receives the statistic of
        this batch.
    train : bool
        Whether forward behaves as in training (dropout, batch statistics).
    rng : numpy.random.Generator
        For dropout.
    memory : Memory
        For arrays that keep their contents from one pass to the next.
    scratch : Scratch
        For arrays that are needed during one pass only, forward or backward.
    kept : dict of str to ndarray
        Arrays that the operations of one layer share.
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
        """Return zeros that no other operation writes to (an `Allocate`)."""
        return self.memory.take(shape, self.dtype)

    def temporary(self, shape: Shape) -> FloatArray:
        """Return an array for one pass: the next operation overwrites its contents (an `Allocate`)."""
        return self.scratch.take(shape, self.dtype)


@dataclass(frozen=True)
class Bound:
    """An operation bound to arrays: call `forward`, then `backward` (which does nothing when predicting)."""

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
    """One array operation; the class attributes are the algebraic facts that a workspace relies on.

    Attributes
    ----------
    in_shape, out_shape : tuple of int
        Of one item of the batch.
    in_place : bool
        Whether the output overwrites the input, and the gradient of the input that of the output.
    view : bool
        Whether the operation only reshapes.
    reads_output : bool
        Whether the backward pass reads the output: then the next operation must not overwrite it.
    is_max : bool
        Whether it takes maxima. Then it can be moved before operations that keep the order of numbers.
    reads_images : bool
        Whether it is faster, as the first operation, if each image is contiguous in memory.
    """

    in_shape: Shape
    out_shape: Shape

    in_place: ClassVar[bool] = False
    view: ClassVar[bool] = False
    reads_output: ClassVar[bool] = False
    is_max: ClassVar[bool] = False
    reads_images: ClassVar[bool] = False

    @property
    def keeps_order(self) -> bool:
        """Whether it is elementwise, the same for all pixels of a channel, and never decreasing."""
        return False

    def bind(self, a: Arrays) -> Bound:
        """Return the forward and backward pass over the arrays `a`."""
        raise NotImplementedError

    def reshaped(self, shape: Shape) -> Op:
        """Return the same operation on feature maps of another height and width."""
        raise NotImplementedError


LayerOp = tuple[int, Op]
"""An operation with the index of the layer that it came from, whose parameters it uses."""


def pool_early(ops: Sequence[LayerOp]) -> list[LayerOp]:
    """Return `ops`, each maximum moved before the order-keeping operations that precede it."""
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

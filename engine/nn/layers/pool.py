"""Pooling: one number for each square of pixels.

Squares do not overlap; rows and columns that are left over at the border are ignored.

Maximum and mean are taken axis by axis, first over rows, then over columns: the first half runs over long
contiguous rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from engine.errors import SpecError
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerAvgPool, IntegerCall, IntegerMaxPool, IntegerMean
from engine.int8.ranges import LayerRanges
from engine.knobs import knob
from engine.nn.kernel_calls import Call, Training
from engine.nn.memory import CACHED, Memory
from engine.nn.ops import Arrays, Bound, Op, copying, in_turn, nothing
from engine.nn.param import FloatArray
from engine.nn.specs import LayerSpec
from engine.shapes import Shape, need_image, size
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["AvgPool2D", "GlobalAvgPool2D", "MaxPool2D"]


@dataclass(frozen=True)
class _Pool(LayerSpec):
    size: int = knob(2, "Size", "side of the square that becomes one pixel", low=1, high=14, unit="px")

    def out_shape(self, x: Shape) -> Shape:
        height, width, channels = need_image(x, self.title)
        if min(height, width) < self.size:
            raise SpecError(
                f"{self.title} {self.size}×{self.size} does not fit into {height}×{width}; make it smaller.",
                field="size",
            )
        return (height // self.size, width // self.size, channels)

    def summary(self) -> str:
        return f"{self.size}×{self.size}"


@dataclass(frozen=True)
class MaxPool2D(_Pool):
    """The largest number of each square."""

    kind = "max_pool2d"
    title = "Max pool"

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (TakeMax(x, self.out_shape(x), self.size),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return (Maximum("max_pool", x, self.out_shape(x), {"size": self.size}),)


@dataclass(frozen=True)
class AvgPool2D(_Pool):
    """The mean of each square."""

    kind = "avg_pool2d"
    title = "Average pool"

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (TakeMean(x, self.out_shape(x), self.size),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        window = {"window_height": self.size, "window_width": self.size}
        return (Mean("avg_pool", x, self.out_shape(x), window),)


@dataclass(frozen=True)
class GlobalAvgPool2D(LayerSpec):
    """The mean of each channel: a flat vector of as many numbers as there are channels."""

    kind = "global_avg_pool2d"
    title = "Global average pool"

    def out_shape(self, x: Shape) -> Shape:
        return (need_image(x, self.title)[2],)

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (TakeChannelMean(x, self.out_shape(x)),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        return (Mean("avg_pool", x, self.out_shape(x), {"window_height": x[0], "window_width": x[1]}),)


@dataclass(frozen=True, eq=False)
class Maximum(Call):
    """Max pooling; a convolution before it can do the same work."""

    def merged(self, before: Call) -> Call | None:
        return before.pooled(self.sizes["size"], self.out_shape)

    def training(self) -> Training:
        return Training("train_max_pool", "train_max_pool_backward", kept=size(self.out_shape))

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        return IntegerMaxPool(self.in_shape, self.out_shape, source, source, self.sizes["size"])

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode(self.kernel, self.sizes, lead=0)


@dataclass(frozen=True, eq=False)
class Mean(Call):
    """Average pooling."""

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        window = (self.sizes["window_height"], self.sizes["window_width"])
        given = ranges.integers
        if given is not None and given.sums is not None and len(self.out_shape) == 1:
            scaling = given.sums.requantization(given.output, None)
            return IntegerMean(self.in_shape, self.out_shape, source, given.output, scaling)
        return IntegerAvgPool(self.in_shape, self.out_shape, source, source, *window)

    def code(self, variant: Variant = FAST) -> StageCode:
        return StageCode(self.kernel, self.sizes, lead=0)


def _row_slices(x: FloatArray, size: int) -> list[FloatArray]:
    height = x.shape[0] // size * size
    return [x[i:height:size] for i in range(size)]


def _column_slices(x: FloatArray, size: int) -> list[FloatArray]:
    width = x.shape[2] // size * size
    return [x[:, :, j:width:size] for j in range(size)]


def _outside(rows: FloatArray, columns: FloatArray, size: int) -> list[FloatArray]:
    """Return the last rows of `rows` and the last columns of `columns` that belong to no square."""
    below, right = rows[rows.shape[0] // size * size :], columns[:, :, columns.shape[2] // size * size :]
    return [border for border in (below, right) if border.size]


@dataclass(frozen=True)
class TakeMax(Op):
    """Maximum of squares of `size`; the first of equal numbers receives the gradient."""

    size: int = 2

    is_max: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        height, channels, _, batch = a.y.shape
        width = a.x.shape[2]
        row = channels * width * batch * a.x.itemsize
        count = min(height, max(1, CACHED // row))
        between = a.temporary((count, channels, width, batch))
        columns = a.temporary((self.size, count, *a.y.shape[1:]))
        blocks = [
            self._rows(a, slice(start, min(start + count, height)), between, columns)
            for start in range(0, height, count)
        ]
        forward = in_turn([block.forward for block in blocks])
        if a.dx is None:
            return Bound(forward, nothing)
        outside = _outside(a.dx, between, self.size)

        def clear() -> None:
            for border in outside:
                border[...] = 0

        return Bound(forward, in_turn([clear, *(block.backward for block in blocks)]))

    def _rows(self, a: Arrays, rows: slice, between: FloatArray, columns: FloatArray) -> Bound:
        """Return the passes that write some of the rows of the output.

        Each set of columns is made contiguous before the sets are compared: NumPy copies short pieces faster
        than it compares them.
        """
        between, columns = between[: rows.stop - rows.start], columns[:, : rows.stop - rows.start]
        places = list(zip(columns, _column_slices(between, self.size), strict=True))
        source = slice(rows.start * self.size, rows.stop * self.size)
        memory = a.memory if a.dy is not None else None
        first = _Tournament(_row_slices(a.x[source], self.size), between, memory)
        second = _Tournament(list(columns), a.y[rows], memory)
        forward = in_turn([first.play, copying(places), second.play])
        if a.dy is None or a.dx is None:
            return Bound(forward, nothing)
        back = [
            second.award(a.dy[rows], list(columns)),
            copying([(apart, packed) for packed, apart in places]),
            first.award(between, _row_slices(a.dx[source], self.size)),
        ]
        return Bound(forward, in_turn(back))


class _Tournament:
    """The elementwise maximum of several slices; in training it remembers which slice each one came from.

    Parameters
    ----------
    players : list of ndarray
        The slices, all of one shape.
    winner : ndarray
        The maximum is written here; same shape.
    memory : Memory or None
        For the masks that `award` reads; None if it is not needed.
    """

    def __init__(self, players: list[FloatArray], winner: FloatArray, memory: Memory | None) -> None:
        self.players = players
        self.winner = winner
        self.stays = [memory.take(winner.shape, np.bool_) for _ in players[1:]] if memory is not None else []

    def play(self) -> None:
        """Compute the maximum: a slice wins over the best so far only if it is larger."""
        best = self.players[0]
        if len(self.players) == 1:
            np.copyto(self.winner, best)
        for match, challenger in enumerate(self.players[1:]):
            if self.stays:
                np.greater_equal(best, challenger, out=self.stays[match])
            np.maximum(best, challenger, out=self.winner)
            best = self.winner

    def award(self, gradient: FloatArray, shares: list[FloatArray]) -> Callable[[], None]:
        """Return a closure that writes `gradient` to the share of the slice that won, zero to the others.

        With more than two slices, `gradient` is overwritten.
        """
        stays = self.stays

        def hand_out() -> None:
            if not stays:
                np.copyto(shares[0], gradient)
            for match in range(len(stays) - 1, -1, -1):
                kept = shares[0] if match == 0 else gradient
                won = shares[match + 1]
                if match == 0:
                    np.copyto(kept, stays[0])  # NumPy takes twice as long to multiply by a mask
                    np.multiply(kept, gradient, out=kept)
                    np.subtract(gradient, kept, out=won)
                else:
                    np.multiply(gradient, ~stays[match], out=won)
                    np.subtract(gradient, won, out=gradient)

        return hand_out


@dataclass(frozen=True)
class TakeMean(Op):
    """Mean of squares of `size`."""

    size: int = 2

    def bind(self, a: Arrays) -> Bound:
        y, dy, dx = a.y, a.dy, a.dx
        between = a.temporary((y.shape[0], y.shape[1], a.x.shape[2], y.shape[3]))
        rows = _row_slices(a.x, self.size)
        columns = _column_slices(between, self.size)
        factor = a.dtype.type(1 / self.size**2)

        def forward() -> None:
            _sum_into(between, rows)
            _sum_into(y, columns)
            np.multiply(y, factor, out=y)

        if dy is None or dx is None:
            return Bound(forward, nothing)
        outside = _outside(dx, dx, self.size)
        share = a.temporary(y.shape)
        targets = [part for row in _row_slices(dx, self.size) for part in _column_slices(row, self.size)]

        def backward() -> None:
            for border in outside:
                border[...] = 0
            np.multiply(dy, factor, out=share)
            for target in targets:
                np.copyto(target, share)

        return Bound(forward, backward)


def _sum_into(out: FloatArray, parts: list[FloatArray]) -> None:
    np.copyto(out, parts[0])
    for part in parts[1:]:
        np.add(out, part, out=out)


@dataclass(frozen=True)
class TakeChannelMean(Op):
    """Mean over all pixels of a channel."""

    def bind(self, a: Arrays) -> Bound:
        x, y, dx, dy = a.x, a.y, a.dx, a.dy
        height, channels, width, batch = x.shape
        rows = np.empty((height, channels, batch), a.dtype)
        factor = a.dtype.type(1 / (height * width))

        def forward() -> None:
            np.add.reduce(x, axis=2, out=rows)
            np.add.reduce(rows, axis=0, out=y)
            np.multiply(y, factor, out=y)

        if dy is None or dx is None:
            return Bound(forward, nothing)

        def backward() -> None:
            np.multiply(dy[:, None], factor, out=dx)

        return Bound(forward, backward)

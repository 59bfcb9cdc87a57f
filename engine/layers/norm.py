"""Batch normalization (Ioffe & Szegedy 2015) over each channel.

Training normalizes with the statistics of the batch and *observes* them: they are written where the
gradients of the running statistics would stand, and whoever steps the parameters blends them in
(`Trainer`). So several threads can observe at once and a step stays one pass over the flat vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.calls import Array, Call, Start, Training, weighted_parts
from engine.fixed_point import Affine
from engine.integer import IntegerCall, IntegerDepthwise, Window
from engine.integer_sums import RealSum
from engine.ops import Arrays, Bound, FloatArray, Op, channel_rows, nothing
from engine.params import Param, constant
from engine.quantization import LayerRanges
from engine.specs import LayerSpec, Shape, size

__all__ = ["EPSILON", "BatchNorm"]

EPSILON = 1e-5


@dataclass(frozen=True)
class BatchNorm(LayerSpec):
    """``y = scale · (x - mean) / sqrt(variance + 1e-5) + shift`` for each channel."""

    kind = "batch_norm"
    title = "Batch norm"

    def out_shape(self, x: Shape) -> Shape:
        return x

    def params(self, x: Shape) -> Mapping[str, Param]:
        channels = (x[-1],)
        return {
            "scale": Param(channels, constant(1)),
            "shift": Param(channels, constant(0)),
            "mean": Param(channels, constant(0), trainable=False),
            "variance": Param(channels, constant(1), trainable=False),
        }

    def macs(self, x: Shape) -> int:
        return 0  # folded into the layer before it when exported

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Observe(x, x), Normalize(x, x, size(x[:-1])))

    def scaling(self, p: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
        scale = p["scale"] / np.sqrt(p["variance"].astype(np.float64) + EPSILON)
        return scale, p["shift"] - p["mean"] * scale

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        scale, shift = self.scaling(p)
        features = 0 if len(x) == 1 else None
        arrays = {"scale": Array(scale, features), "shift": Array(shift, features)}
        return (ScaleShift("scale_shift", x, x, {}, arrays),)

    def summary(self) -> str:
        return ""


@dataclass(frozen=True, eq=False)
class ScaleShift(Call):
    """Batch norm as one multiplication and addition, or none at all behind a weighted sum."""

    in_place: ClassVar[bool] = True
    takes_function: ClassVar[bool] = True

    def merged(self, before: Call) -> Call | None:
        return before.scaled(self.arrays["scale"].values, self.arrays["shift"].values)

    def training(self) -> Training:
        learned = {"scale": Start(mean=1.0), "shift": Start()}
        return Training(self.kernel, "train_scale_shift_backward", learned)

    def integer(self, source: Affine, ranges: LayerRanges) -> IntegerCall:
        scale, shift = self.arrays["scale"].values, self.arrays["shift"].values
        sums = RealSum.of(scale[None, None], shift, -1, source.scale)
        return IntegerDepthwise(*weighted_parts(self, source, sums, ranges), Window(1, 1, 0, 0))


@dataclass(frozen=True)
class _Scaling:
    """What normalizing does to each channel that has been turned so that its scale is not negative; (C,)."""

    sign: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    factor: NDArray[np.float64]

    @classmethod
    def of(cls, scale: FloatArray, statistics: Mapping[str, FloatArray], share: float = 1.0) -> _Scaling:
        """Work it out from mean and variance, of which `share` counts."""
        sign = np.where(scale < 0, -1.0, 1.0)
        deviation = np.sqrt(share * statistics["variance"] + EPSILON)
        return cls(sign, sign * statistics["mean"], deviation, sign * scale / deviation)


def _biased(count: int) -> float:
    """Return the share of the unbiased variance, as PyTorch observes it, that a batch is normalized with."""
    return max(count - 1, 1) / count


def _affine(x: FloatArray, factor: FloatArray, offset: FloatArray, out: FloatArray) -> None:
    """Write ``factor · x + offset`` of each channel."""
    np.multiply(x, factor.astype(x.dtype)[:, None], out=out)
    np.add(out, offset.astype(x.dtype)[:, None], out=out)


@dataclass(frozen=True)
class Observe(Op):
    """Take the mean and the variance of each channel, and turn channels round whose scale is negative.

    So turned, what follows keeps the order of numbers: a max pool may go first, and leaves `Normalize` a
    quarter of the work. What the statistics contribute to the gradient is added here, where all numbers are:
    ``dx = factor · (dy - mean(dy) - unit · mean(dy · unit))`` with ``unit = (x - mean) / deviation``,
    of which `Normalize` has computed ``factor · dy``.
    """

    in_place: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        x, p, g = channel_rows(a.x), a.p, a.g
        if not a.train or a.dx is None:
            return Bound(lambda: _turn(x, p["scale"]), nothing)
        dx, count = channel_rows(a.dx), x.shape[0] * x.shape[2]
        sums = _Sums(x)

        def forward() -> None:
            mean = sums.plain(x) / count
            variance = np.maximum(sums.product(x, x) / count - mean * mean, 0)
            g["mean"][...], g["variance"][...] = mean, variance / _biased(count)
            _turn(x, p["scale"])

        def backward() -> None:
            s = _Scaling.of(p["scale"], g, _biased(count))
            slope = -s.factor * s.sign * g["scale"] / (count * s.deviation)
            _affine(x, slope, -s.factor * g["shift"] / count - slope * s.mean, x)
            np.add(dx, x, out=dx)
            _turn(dx, p["scale"])

        return Bound(forward, backward)


def _turn(x: FloatArray, scale: FloatArray) -> None:
    for channel in np.flatnonzero(scale < 0):
        np.negative(x[:, channel], out=x[:, channel])


@dataclass(frozen=True)
class Normalize(Op):
    """Bring each channel to its scale and shift, by statistics of the batch or, predicting, by running ones.

    `pixels` counts those that were observed for each image.
    """

    pixels: int = 1

    @property
    def keeps_order(self) -> bool:
        return True

    def reshaped(self, shape: Shape) -> Op:
        return Normalize(shape, shape, self.pixels)

    def bind(self, a: Arrays) -> Bound:
        x, y, p, g = channel_rows(a.x), channel_rows(a.y), a.p, a.g
        share = _biased(self.pixels * a.batch) if a.train else 1.0
        statistics = g if a.train else p

        def forward() -> None:
            s = _Scaling.of(p["scale"], statistics, share)
            _affine(x, s.factor, p["shift"] - s.mean * s.factor, y)

        if a.dy is None:
            return Bound(forward, nothing)
        dy, dx = channel_rows(a.dy), None if a.dx is None else channel_rows(a.dx)
        sums = _Sums(x)

        def backward() -> None:
            s = _Scaling.of(p["scale"], statistics, share)
            level = sums.plain(dy)
            g["shift"][...] = level
            g["scale"][...] = s.sign * (sums.product(dy, x) - s.mean * level) / s.deviation
            if dx is not None:
                np.multiply(dy, s.factor.astype(dy.dtype)[:, None], out=dx)

        return Bound(forward, backward)


class _Sums:
    """Sums over a channel as dot products of its rows: BLAS passes over memory once, without temporaries.

    Rows are summed in the arrays' precision and added up in float64, so that the variance as
    E[x²] − E[x]² keeps a relative error near 1e-6 · (1 + mean² / variance).
    """

    def __init__(self, like: FloatArray) -> None:
        self._ones = np.ones(like.shape[2], like.dtype)
        self._partial = np.empty(like.shape[:2], like.dtype)

    def plain(self, x: FloatArray) -> NDArray[np.float64]:
        """Return Σ x, (C,)."""
        return self.product(x, self._ones)

    def product(self, x: FloatArray, y: FloatArray) -> NDArray[np.float64]:
        """Return Σ x · y, (C,)."""
        np.vecdot(x, y, out=self._partial)
        total: NDArray[np.float64] = np.add.reduce(self._partial, axis=0, dtype=np.float64)
        return total

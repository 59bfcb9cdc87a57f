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
from engine.specs import LayerSpec, Shape

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
        return (Normalize(x, x),)

    def c_calls(self, x: Shape, p: Mapping[str, FloatArray]) -> tuple[Call, ...]:
        scale = p["scale"] / np.sqrt(p["variance"].astype(np.float64) + EPSILON)
        shift = p["shift"] - p["mean"] * scale
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
class Normalize(Op):
    """Normalize each channel; statistics of the batch in training, running ones otherwise."""

    def bind(self, a: Arrays) -> Bound:
        return _bind_training(a) if a.train and a.dy is not None else _bind_running(a)


def _bind_running(a: Arrays) -> Bound:
    x, y, p = channel_rows(a.x), channel_rows(a.y), a.p

    def forward() -> None:
        factor = p["scale"] / np.sqrt(p["variance"] + p["scale"].dtype.type(EPSILON))
        _affine(x, factor, p["shift"] - p["mean"] * factor, y)

    return Bound(forward, nothing)


def _affine(x: FloatArray, factor: FloatArray, offset: FloatArray, out: FloatArray) -> None:
    """Write ``factor · x + offset`` of each channel."""
    np.multiply(x, factor[:, None], out=out)
    np.add(out, offset[:, None], out=out)


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


def _bind_training(a: Arrays) -> Bound:
    assert a.dy is not None
    x, y, dy = channel_rows(a.x), channel_rows(a.y), channel_rows(a.dy)
    dx = None if a.dx is None else channel_rows(a.dx)
    p, g, dtype = a.p, a.g, a.dtype
    count = x.shape[0] * x.shape[2]
    sums = _Sums(x)
    mean, deviation = np.empty((2, x.shape[1]))

    def forward() -> None:
        mean[...] = sums.plain(x) / count
        variance = np.maximum(sums.product(x, x) / count - mean * mean, 0)
        deviation[...] = np.sqrt(variance + EPSILON)
        g["mean"][...] = mean
        g["variance"][...] = variance * (count / max(count - 1, 1))  # unbiased, as PyTorch
        factor = p["scale"] / deviation
        _affine(x, factor.astype(dtype), (p["shift"] - mean * factor).astype(dtype), y)

    def backward() -> None:
        level = sums.plain(dy)
        along = (sums.product(dy, x) - mean * level) / deviation  # Σ dy · (x - mean) / deviation
        g["scale"][...] = along
        g["shift"][...] = level
        if dx is None:
            return
        # dx = scale / deviation · (dy - mean(dy) - unit · mean(dy · unit)), unit = (x - mean) / deviation
        factor = p["scale"] / deviation
        slope = -factor * along / (count * deviation)
        _affine(x, slope.astype(dtype), (-factor * level / count - slope * mean).astype(dtype), dx)
        np.multiply(dy, factor.astype(dtype)[:, None], out=dy)
        np.add(dx, dy, out=dx)

    return Bound(forward, backward)

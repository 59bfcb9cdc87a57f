"""Batch normalization (Ioffe & Szegedy 2015) over each channel.

Training normalizes with the statistics of the batch. It writes them to the entries of the gradient vector
that belong to the running statistics, and the trainer updates the running statistics with them after each
step. So several threads can measure at the same time, and a step is still one pass over the flat vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerCall, IntegerDepthwise, Window
from engine.int8.ranges import LayerRanges
from engine.int8.sums import RealSum
from engine.nn.kernel_calls import Array, Call, Start, Training, weighted_parts
from engine.nn.ops import Arrays, Bound, Op, channel_rows, nothing
from engine.nn.param import FloatArray, Param, constant
from engine.nn.specs import LayerSpec
from engine.shapes import Shape

__all__ = ["EPSILON", "BatchNorm"]

EPSILON = 1e-5
SCALING = "scaling"  # key of the array that the two operations of a layer share


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
        return 0  # export folds it into the layer before it

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return (Observe(x, x), Normalize(x, x))

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
    """Batch norm in inference: one multiplication and addition; merged into a weighted sum before it."""

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


class _Scaling:
    """The numbers by which each channel is normalized, after channels with a negative scale were negated.

    In training, both operations of a layer share these numbers. To compute them again in each pass would take
    longer than a pass over the feature maps of a tiny network.

    Attributes
    ----------
    mean, deviation : ndarray of float64, shape (channels,)
        Mean and standard deviation of x after negation; all attributes have this dtype and shape.
    sign : ndarray
        -1 for channels that were negated, 1 for the others.
    factor, offset : ndarray
        ``y = factor · x + offset``.
    dy_sum, dy_product : ndarray
        Found in the backward pass: the sums over the channel of dy, and of dy · (x - mean).
    """

    def __init__(self, rows: NDArray[np.float64]) -> None:
        self.mean, self.deviation, self.sign, self.factor, self.offset, self.dy_sum, self.dy_product = rows

    @staticmethod
    def rows(channels: int) -> NDArray[np.float64]:
        """Return the array (7, channels) that holds the numbers of a layer."""
        return np.zeros((7, channels))

    def update(self, p: Mapping[str, FloatArray], mean: FloatArray, variance: FloatArray) -> None:
        """Compute the numbers from scale and shift in `p`, and from the statistics of x before negation."""
        np.copysign(1.0, p["scale"], out=self.sign)
        np.multiply(self.sign, mean, out=self.mean)
        np.add(variance, EPSILON, out=self.deviation)
        np.sqrt(self.deviation, out=self.deviation)
        np.abs(p["scale"], out=self.factor)
        np.divide(self.factor, self.deviation, out=self.factor)
        np.multiply(self.mean, self.factor, out=self.offset)
        np.subtract(p["shift"], self.offset, out=self.offset)

    def apply(self, x: FloatArray, y: FloatArray) -> None:
        """Normalize `x` to `y`."""
        _affine(x, self.factor, self.offset, y)


def _affine(x: FloatArray, factor: FloatArray, offset: FloatArray, out: FloatArray) -> None:
    """Write ``factor · x + offset`` of each channel."""
    np.multiply(x, factor.astype(x.dtype)[:, None], out=out)
    np.add(out, offset.astype(x.dtype)[:, None], out=out)


def _negate(x: FloatArray, scale: FloatArray) -> None:
    """Negate the channels of `x` (rows, channels, pixels) whose `scale` is negative."""
    negative = np.signbit(scale)
    if negative.any():
        for channel in np.flatnonzero(negative):
            np.negative(x[:, channel], out=x[:, channel])


@dataclass(frozen=True)
class Observe(Op):
    """Measure the mean and variance of each channel, and negate channels whose scale is negative.

    After that `Normalize` keeps the order of numbers. So a max pool can be moved before it, and leaves it a
    quarter of the work. The contribution of the statistics to the gradient is added here, where no number has
    been dropped: ``dx = factor · (dy - mean(dy) - unit · mean(dy · unit))`` with
    ``unit = (x - mean) / deviation``. `Normalize` computes ``factor · dy`` of it.
    """

    in_place: ClassVar[bool] = True

    def bind(self, a: Arrays) -> Bound:
        x, p, g = channel_rows(a.x), a.p, a.g
        if not a.train or a.dx is None:
            return Bound(lambda: _negate(x, p["scale"]), nothing)
        dx, count = channel_rows(a.dx), x.shape[0] * x.shape[2]
        a.kept[SCALING] = _Scaling.rows(x.shape[1])
        s, sums = _Scaling(a.kept[SCALING]), _Sums(x)
        variance, unbiased = np.zeros(x.shape[1]), count / max(count - 1, 1)

        def forward() -> None:
            mean, square = sums.of(x, x)
            np.divide(mean, count, out=mean)
            np.divide(square, count, out=square)
            np.multiply(mean, mean, out=variance)
            np.subtract(square, variance, out=variance)
            np.maximum(variance, 0, out=variance)
            g["mean"][...] = mean
            np.multiply(variance, unbiased, out=g["variance"])  # as in PyTorch
            _negate(x, p["scale"])
            s.update(p, mean, variance)

        def backward() -> None:
            share = s.factor / -count
            slope = share * s.dy_product / (s.deviation * s.deviation)
            _affine(x, slope, share * s.dy_sum - slope * s.mean, x)
            np.add(dx, x, out=dx)
            _negate(dx, p["scale"])

        return Bound(forward, backward)


@dataclass(frozen=True)
class Normalize(Op):
    """Normalize each channel: by the statistics of the batch, or by the running ones in inference."""

    @property
    def keeps_order(self) -> bool:
        return True

    def reshaped(self, shape: Shape) -> Op:
        return Normalize(shape, shape)

    def bind(self, a: Arrays) -> Bound:
        x, y, p, g = channel_rows(a.x), channel_rows(a.y), a.p, a.g
        if not a.train or a.dy is None or a.dx is None:
            return Bound(_prediction(x, y, p), nothing)
        s = _Scaling(a.kept[SCALING])
        dy, dx, sums = channel_rows(a.dy), channel_rows(a.dx), _Sums(x)

        def forward() -> None:
            s.apply(x, y)

        def backward() -> None:
            total, product = sums.of(dy, x)
            s.dy_sum[...] = g["shift"][...] = total
            np.subtract(product, s.mean * total, out=s.dy_product)
            np.divide(s.sign * s.dy_product, s.deviation, out=g["scale"])
            np.multiply(dy, s.factor.astype(dy.dtype)[:, None], out=dx)

        return Bound(forward, backward)


def _prediction(x: FloatArray, y: FloatArray, p: Mapping[str, FloatArray]) -> Callable[[], None]:
    s = _Scaling(_Scaling.rows(x.shape[1]))

    def predict() -> None:
        s.update(p, p["mean"], p["variance"])
        s.apply(x, y)

    return predict


class _Sums:
    """Sums over a channel, computed as dot products of its rows: BLAS reads memory once and needs no copies.

    Rows are summed in the arrays' precision and added up in float64, so that the variance as
    E[x²] − E[x]² keeps a relative error near 1e-6 · (1 + mean² / variance).
    """

    def __init__(self, like: FloatArray) -> None:
        self._ones = np.ones(like.shape[2], like.dtype)
        self._partial = np.empty((2, *like.shape[:2]), like.dtype)
        self._plain, self._product = self._partial
        self._totals = np.empty((2, like.shape[1]))

    def of(self, x: FloatArray, y: FloatArray) -> NDArray[np.float64]:
        """Return Σ x and Σ x · y, shape (2, C), in an array that the next call overwrites."""
        np.vecdot(x, self._ones, out=self._plain)
        np.vecdot(x, y, out=self._product)
        np.add.reduce(self._partial, axis=1, dtype=np.float64, out=self._totals)
        return self._totals

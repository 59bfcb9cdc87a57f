"""Batch normalization (Ioffe & Szegedy 2015) over each channel.

Training normalizes with the statistics of the batch and *observes* them: they are written where the
gradients of the running statistics would stand, and whoever steps the parameters blends them in
(`Trainer`). So several threads can observe at once and a step stays one pass over the flat vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.ops import Arrays, Bound, FloatArray, Op, nothing
from engine.params import Param, constant
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

    def summary(self) -> str:
        return ""


@dataclass(frozen=True)
class Normalize(Op):
    """Normalize each channel; statistics of the batch in training, running ones otherwise."""

    def bind(self, a: Arrays) -> Bound:
        return _bind_training(a) if a.train and a.dy is not None else _bind_running(a)


def _rows(array: FloatArray) -> FloatArray:
    """View (H, C, W, N) as (H, C, W·N) and (F, N) as (1, F, N): channels in the middle."""
    return array.reshape(*array.shape[:2], -1) if array.ndim == 4 else array[None]


def _bind_running(a: Arrays) -> Bound:
    x, y, p = _rows(a.x), _rows(a.y), a.p

    def forward() -> None:
        factor = p["scale"] / np.sqrt(p["variance"] + p["scale"].dtype.type(EPSILON))
        np.multiply(x, factor[:, None], out=y)
        np.add(y, (p["shift"] - p["mean"] * factor)[:, None], out=y)

    return Bound(forward, nothing)


def _bind_training(a: Arrays) -> Bound:
    assert a.dy is not None
    x, y, dy = _rows(a.x), _rows(a.y), _rows(a.dy)
    dx = None if a.dx is None else _rows(a.dx)
    p, g = a.p, a.g
    count = x.shape[0] * x.shape[2]
    inverse = x.dtype.type(1 / count)
    unit = np.empty_like(x)  # (x - mean) / deviation
    work = np.empty_like(x)
    deviation = np.empty((x.shape[1], 1), x.dtype)

    def mean(array: FloatArray) -> FloatArray:
        total: FloatArray = np.add.reduce(np.add.reduce(array, axis=2), axis=0)
        return total * inverse

    def forward() -> None:
        g["mean"][...] = mean(x)
        np.subtract(x, g["mean"][:, None], out=unit)
        np.multiply(unit, unit, out=work)
        variance = mean(work)
        g["variance"][...] = variance * x.dtype.type(count / max(count - 1, 1))  # unbiased, as PyTorch
        deviation[:, 0] = np.sqrt(variance + x.dtype.type(EPSILON))
        np.divide(unit, deviation, out=unit)
        np.multiply(unit, p["scale"][:, None], out=y)
        np.add(y, p["shift"][:, None], out=y)

    def backward() -> None:
        np.multiply(dy, unit, out=work)
        along = mean(work)
        level = mean(dy)
        g["scale"][...] = along * x.dtype.type(count)
        g["shift"][...] = level * x.dtype.type(count)
        if dx is None:
            return
        # dx = scale / deviation · (dy - mean(dy) - unit · mean(dy · unit))
        np.multiply(unit, along[:, None], out=work)
        np.add(work, level[:, None], out=work)
        np.subtract(dy, work, out=dx)
        np.multiply(dx, p["scale"][:, None] / deviation, out=dx)

    return Bound(forward, backward)

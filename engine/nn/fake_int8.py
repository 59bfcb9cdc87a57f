"""Fake quantization: a network trains in float, but its numbers are rounded to those that int8 can represent.

The derivative of rounding is 0 almost everywhere, so training could not learn through it. The backward pass
therefore ignores rounding: it passes the gradient on unchanged, and is 0 only where a number was clipped
(straight-through estimator; Bengio et al. 2013, Jacob et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import HIGH, LOW, Affine
from engine.nn.ops import Arrays, Bound, Op, nothing
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout, ParamView
from engine.shapes import Shape

__all__ = ["Round", "Rounding", "parameter_copy"]


@dataclass(frozen=True)
class Rounding:
    """The scales and zero points to which fake quantization rounds feature maps.

    Attributes
    ----------
    outputs, arguments : mapping of int to Affine
        By layer index: for the output of the layer, and for the input of its activation function. Tensors
        without an entry are not rounded.
    """

    outputs: Mapping[int, Affine] = field(default_factory=dict)
    arguments: Mapping[int, Affine] = field(default_factory=dict)


@dataclass(frozen=True)
class Round(Op):
    """Replace each number by the nearest one that int8 can represent, in place."""

    affine: Affine

    in_place: ClassVar[bool] = True

    @property
    def keeps_order(self) -> bool:
        return True

    def reshaped(self, shape: Shape) -> Op:
        return Round(shape, shape, self.affine)

    def bind(self, a: Arrays) -> Bound:
        y, dy, dtype = a.y, a.dy, a.dtype.type
        scale, steps = dtype(self.affine.scale), dtype(1 / self.affine.scale)
        low, high = dtype(LOW - self.affine.zero_point), dtype(HIGH - self.affine.zero_point)

        def forward() -> None:
            np.multiply(y, steps, out=y)
            np.rint(y, out=y)
            if dy is not None:
                _inside(y, low, high, mask)
            np.clip(y, low, high, out=y)
            np.multiply(y, scale, out=y)

        if dy is None:
            return Bound(forward, nothing)
        gradient, mask = dy, np.empty(y.shape, np.bool_)

        def backward() -> None:
            np.multiply(gradient, mask, out=gradient)

        return Bound(forward, backward)


def _inside(y: FloatArray, low: Any, high: Any, mask: NDArray[np.bool_]) -> None:
    np.greater_equal(y, low, out=mask)
    np.logical_and(mask, np.less_equal(y, high), out=mask)


def parameter_copy(
    layout: ParamLayout, rounding: Rounding | None
) -> Callable[[FloatArray, FloatArray], None]:
    """Return a function that copies a parameter vector.

    It is called as ``copy(params, out)`` with two arrays of shape (layout.size,). With `rounding`, the
    weights in `out` are rounded to numbers that int8 can represent.
    """
    views = [view for view in layout.views if rounding is not None and view.param.channel_axis is not None]

    def copy(params: FloatArray, out: FloatArray) -> None:
        np.copyto(out, params)
        for view in views:
            _round_weight(view, out)

    return copy


def _round_weight(view: ParamView, vector: FloatArray) -> None:
    weight = view.of(vector)
    axis = view.param.channel_axis
    others = tuple(i for i in range(weight.ndim) if i != axis)
    largest = np.abs(weight).max(axis=others, keepdims=True, initial=0)
    scale = np.where(largest > 0, largest / weight.dtype.type(HIGH), 1)
    np.copyto(weight, np.rint(weight / scale) * scale, casting="same_kind")

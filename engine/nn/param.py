"""The description of one parameter array of a layer: its shape, its start values, whether it is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.shapes import Shape

__all__ = ["FloatArray", "Init", "Param", "constant", "normal"]


FloatArray = NDArray[np.floating[Any]]


Init = Callable[[np.random.Generator, Shape], FloatArray]


def constant(value: float) -> Init:
    """Return an initializer that fills with `value`."""
    return lambda rng, shape: np.full(shape, value, np.float32)


def normal(std: float) -> Init:
    """Return an initializer that draws from a normal distribution of standard deviation `std`."""
    return lambda rng, shape: rng.standard_normal(shape, np.float32) * np.float32(std)


@dataclass(frozen=True)
class Param:
    """A parameter array of a layer.

    Attributes
    ----------
    shape : tuple of int
    init : callable
        ``init(rng, shape)`` returns the start values, float32.
    decayed : bool
        Whether weight decay applies.
    trainable : bool
        False for running statistics, which training measures and no optimizer changes.
    channel_axis : int or None
        The axis that runs over the output channels of a weight, which have a scale each in int8; None for
        arrays that are not quantized so.
    """

    shape: Shape
    init: Init
    decayed: bool = False
    trainable: bool = True
    channel_axis: int | None = None

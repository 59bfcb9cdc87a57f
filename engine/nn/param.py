"""What a layer says of an array that it owns: its shape, how it starts, whether it is trained."""

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
    """An array that a layer owns.

    Attributes
    ----------
    shape : tuple of int
    init : callable
        ``init(rng, shape)`` gives the start value, float32.
    decayed : bool
        Whether weight decay applies.
    trainable : bool
        False for state that training observes rather than learns (running statistics).
    channel_axis : int or None
        Of a weight that int8 holds with a scale for each output channel: the axis that runs over these.
    """

    shape: Shape
    init: Init
    decayed: bool = False
    trainable: bool = True
    channel_axis: int | None = None

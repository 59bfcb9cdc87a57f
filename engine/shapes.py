"""Shapes of inputs and feature maps: ``(height, width, channels)``, or ``(features,)`` after flattening."""

from __future__ import annotations

import math

from engine.errors import SpecError

__all__ = ["Shape", "describe_shape", "need_image", "size"]


Shape = tuple[int, ...]


def size(shape: Shape) -> int:
    """Return the number of elements of `shape`."""
    return math.prod(shape)


def describe_shape(shape: Shape) -> str:
    """Return `shape` as people write it, ``28×28×6``."""
    return "×".join(str(n) for n in shape)


def need_image(shape: Shape, title: str) -> tuple[int, int, int]:
    """Return `shape` as (height, width, channels), or raise `SpecError` when it is flat."""
    if len(shape) != 3:
        raise SpecError(
            f"{title} needs an image (height × width × channels) but gets {describe_shape(shape)} "
            "numbers; move it before the layer that flattens."
        )
    height, width, channels = shape
    return height, width, channels

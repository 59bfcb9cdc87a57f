"""Pooling in int8."""

from __future__ import annotations

from engine.export.int8.code import StageCode
from engine.int8.calls import IntegerAvgPool, IntegerMaxPool

__all__ = ["avg_pool", "max_pool"]


def max_pool(call: IntegerMaxPool) -> StageCode:
    """Return the C of max pooling."""
    return StageCode("max_pool_s8", {"size": call.size}, lead=0)


def avg_pool(call: IntegerAvgPool) -> StageCode:
    """Return the C of average pooling."""
    sizes = {"window_height": call.window_height, "window_width": call.window_width}
    return StageCode("avg_pool_s8", sizes, lead=0)

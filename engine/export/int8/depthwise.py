"""Depthwise convolution in int8."""

from __future__ import annotations

from engine.export.int8.code import StageCode
from engine.export.int8.requantized import requantization_arrays, requantization_sizes, zero_byte
from engine.integer import IntegerDepthwise

__all__ = ["depthwise"]


def depthwise(call: IntegerDepthwise, fast: bool) -> StageCode:
    """Return the C of a depthwise convolution with activation."""
    w = call.window
    sizes = {
        "kernel": w.kernel,
        "stride": w.stride,
        "top": w.top,
        "left": w.left,
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, call.bias)}
    return StageCode("depthwise_conv2d_s8", sizes, arrays)

"""Convolution and dense layers in the fewest bytes of flash: plain loops, and weights of a byte each."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from engine.export.int8.code import StageCode
from engine.export.int8.requantized import folded_bias, requantization_arrays, requantization_sizes, zero_byte
from engine.export.int8.rows import pixel_lead
from engine.int8.calls import IntegerConv2D, IntegerDense

__all__ = ["small_conv2d", "small_dense"]


def small_conv2d(call: IntegerConv2D) -> StageCode:
    """Return the C of a convolution with activation and max pooling."""
    w = call.window
    sizes = {
        **asdict(w),
        "pool": call.pool,
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, call.bias)}
    return StageCode("conv2d_small_s8", sizes, arrays, lead=pixel_lead(call, w, call.pool))


def small_dense(call: IntegerDense) -> StageCode:
    """Return the C of a dense layer with activation; the input's zero point is folded into the bias."""
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=1, dtype=np.int64))
    arrays = {"weight": call.weight.ravel(), **requantization_arrays(call.requantization, bias)}
    return StageCode("dense_small_s8", requantization_sizes(call.requantization), arrays)

"""Depthwise convolution in int8, with its weights in the order in which the C kernel reads them.

The kernel computes four channels at a time, tap by tap, so their weights are adjacent. The input's zero point
is folded into the bias. This is exact because padding is stored as numbers: an image with padding is copied
row by row into a ring buffer of lines. With or without padding, no number is read after it was overwritten,
so the output may take the place of the input.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import Int8s, Int32s
from engine.int8.calls.as_bytes import folded_bias, requantization_arrays, requantization_sizes, zero_byte
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.calls.window import Window
from engine.shapes import Shape
from engine.stage_code import FAST, StageCode, Variant

__all__ = ["IntegerDepthwise"]

TOGETHER = 4  # channels that the kernel computes at a time


@dataclass(frozen=True, eq=False)
class IntegerDepthwise(IntegerWeighted):
    """One filter for each channel, weight (kernel, kernel, channels)."""

    window: Window

    channel_axis: ClassVar[int] = 2

    def run(self, x: Int8s) -> Int8s:
        image = x if x.ndim == 4 else x[:, None, None]
        rows, columns = self.out_shape[:2] if x.ndim == 4 else (1, 1)
        windows, weight = self.window.over(self.centred(image), rows, columns), self.exact_weight
        sums = np.zeros((*windows.shape[:3], weight.shape[2]), weight.dtype)
        for tap in np.ndindex(weight.shape[:2]):
            sums += windows[:, :, :, *tap] * weight[tap]
        return self.finish(sums).reshape(len(x), *self.out_shape)

    def code(self, variant: Variant = FAST) -> StageCode:
        return _code(self)


def _code(call: IntegerDepthwise) -> StageCode:
    """Return a depthwise convolution in C."""
    w, (height, width) = call.window, _padded(call)
    lines = w.top > 0 or w.left > 0 or height > _image(call.in_shape)[0] or width > _image(call.in_shape)[1]
    scratch = w.kernel * width * call.in_shape[-1] if lines else 0
    bias = folded_bias(call.source, call.bias, call.weight.sum(axis=(0, 1), dtype=np.int64))
    arrays = requantization_arrays(call.requantization, bias)
    table = {name: values for name, values in arrays.items() if name == "table"}
    scaling = _scaling(*(arrays[name].astype(np.int32) for name in ("bias", "multiplier", "shift")))
    sizes = {
        **asdict(w),
        "width": width,
        "lines": int(lines),
        "in_zero": zero_byte(call.source),
        **requantization_sizes(call.requantization),
    }
    arrays = {"weight": _laid_out(call.weight), "scaling": scaling, **table}
    return StageCode("depthwise_conv2d_s8", sizes, arrays, scratch, lead=0)


def _image(shape: Shape) -> Shape:
    """Return `shape`, that of a vector as an image of one pixel."""
    return shape if len(shape) == 3 else (1, 1, *shape)


def _padded(call: IntegerDepthwise) -> tuple[int, int]:
    """Return the height and width of the part of the padded image that is read."""
    w, (rows, columns, _) = call.window, _image(call.out_shape)
    return (rows - 1) * w.stride + w.kernel, (columns - 1) * w.stride + w.kernel


def _scaling(bias: Int32s, multiplier: Int32s, shift: Int32s) -> Int32s:
    """Return for each block of channels their biases, then their pairs of multiplier and shift."""
    pairs = np.stack([multiplier, shift], axis=1)
    together = len(bias) // TOGETHER * TOGETHER
    block: Int32s = np.concatenate([bias[:together].reshape(-1, 4), pairs[:together].reshape(-1, 8)], axis=1)
    single: Int32s = np.concatenate([bias[together:, None], pairs[together:]], axis=1)
    result: Int32s = np.concatenate([block.ravel(), single.ravel()])
    return result


def _laid_out(weight: NDArray[np.int8]) -> NDArray[Any]:
    """Return weights (kernel, kernel, channels) in blocks of channels; those left over are blocks of one."""
    taps = weight.reshape(-1, weight.shape[-1])
    together = taps.shape[1] // TOGETHER * TOGETHER
    blocks = taps[:, :together].reshape(len(taps), -1, TOGETHER).transpose(1, 0, 2)
    return np.concatenate([blocks.ravel(), taps[:, together:].T.ravel()])

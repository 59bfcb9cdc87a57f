"""The stages of float networks as C: which kernel computes a call, with weights in the order that it reads.

`STAGE_CODES` says it for the classes of calls whose weights are laid out; all others pass their arrays as
they are. Sums are added up in the same order on every target: a layout is a part of the result, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.export import kernel_files
from engine.export.stage_code import StageCode
from engine.nn.activations import LINEAR
from engine.nn.kernel_calls import Array, Call
from engine.nn.layers.conv2d import Convolution
from engine.nn.layers.dense import Product
from engine.nn.layers.depthwise import ChannelFilters
from engine.nn.layers.pool import Maximum, Mean
from engine.shapes import size

__all__ = ["STAGE_CODES", "stage_codes"]

FLOAT_BYTES = 4
GROUP = 4  # channels that kernels/depthwise_conv2d.c and kernels/dense.c compute at a time
PIXELS = 4  # that kernels/taps.c computes at a time
MOST_TAPS = 6  # in one block of kernels/taps.c

Floats = NDArray[np.float32]


def stage_codes(calls: Sequence[Call], fast: bool = True) -> tuple[StageCode, ...]:
    """Return the C of each of a network's `calls`, `fast` or small."""
    registers = fast and any(isinstance(call, Convolution | ChannelFilters) for call in calls)
    return tuple(STAGE_CODES.get(type(call), _plain)(call, registers) for call in calls)


def _functions(call: Call) -> Mapping[str, str]:
    asked = "function" in kernel_files.parameters(call.kernel)
    return {"function": (call.function or LINEAR).name} if asked else {}


def _plain(call: Call, registers: bool) -> StageCode:
    arrays = {name: _flat(array) for name, array in call.arrays.items()}
    return StageCode(call.kernel, call.sizes, arrays, functions=_functions(call))


def _flat(array: Array) -> NDArray[Any]:
    values = array.values
    floats = np.issubdtype(values.dtype, np.floating)
    return values.astype(np.float32).ravel() if floats else values.ravel()


def _pool(call: Call, registers: bool) -> StageCode:
    return StageCode(call.kernel, call.sizes, lead=0)


def _weights(call: Call) -> tuple[Floats, Floats]:
    return (call.arrays["weight"].values.astype(np.float32), call.arrays["bias"].values.astype(np.float32))


def _convolution(call: Call, registers: bool) -> StageCode:
    weight, bias = _weights(call)
    folded, pool = _folded(call), call.sizes["pool"]
    return StageCode(
        call.kernel,
        {**call.sizes, **_sides(folded), "block": _block(call.sizes["kernel"] * call.in_shape[-1])},
        {"weight": _in_turn(weight.reshape(len(weight), -1), bias, together=2)},
        scratch=FLOAT_BYTES * _lines(folded, pool, call.in_shape[-1]),
        lead=_row_lead(folded, pool),
        functions=_functions(call),
    )


def _folded(call: Call) -> Call:
    """Return the convolution of pixels that do not see one another in rows that are computed at a time."""
    pixels = size(call.out_shape[:2])
    alone = call.in_shape[:2] == call.out_shape[:2] and call.sizes["kernel"] == call.sizes["pool"] == 1
    if not alone or pixels % PIXELS:
        return call
    rows = (pixels // PIXELS, PIXELS)
    return call.replace(in_shape=(*rows, call.in_shape[-1]), out_shape=(*rows, call.out_shape[-1]))


def _sides(call: Call) -> Mapping[str, int]:
    ends = {"in": call.in_shape, "out": call.out_shape}
    return {
        f"{end}_{name}": n
        for end, s in ends.items()
        for name, n in zip(("height", "width"), s[:2], strict=True)
    }


def _block(taps: int) -> int:
    """Choose how many taps of a row are multiplied at a time: what takes the fewest instructions."""

    def instructions(block: int) -> int:
        return taps // block * (16 * block + 7) + taps % block * 24

    return min(range(1, MOST_TAPS + 1), key=lambda block: (instructions(block), -block))


def _in_turn(rows: Floats, bias: Floats, together: int) -> Floats:
    """Return groups of `together` rows: biases, then the numbers in turn; rows left over are alone."""
    whole = len(rows) // together * together
    bounds = [*range(0, whole, together), *range(whole, len(rows) + 1)]
    return np.concatenate([np.vstack([bias[a:b], rows[a:b].T]).ravel() for a, b in pairwise(bounds)])


def _lines(call: Call, pool: int, channels: int) -> int:
    """Return the numbers in the rows of the image that one row of the output needs, zeros around them."""
    kernel, stride = call.sizes["kernel"], call.sizes["stride"]
    width = (call.out_shape[1] * pool - 1) * stride + kernel
    return ((pool - 1) * stride + kernel) * width * channels


def _row_lead(call: Call, pool: int) -> int:
    """Return how many bytes before its input the output must begin.

    The kernels copy each row of the input away once, in order, and write a row of the output when all rows
    that it needs have been copied.
    """
    kernel, stride, top = (call.sizes[name] for name in ("kernel", "stride", "top"))
    rows, line, height = size(call.out_shape[1:]), size(call.in_shape[1:]), call.in_shape[0]
    reach = (pool - 1) * stride + kernel - top
    read = [min(height, i * pool * stride + reach) for i in range(call.out_shape[0])]
    ahead = ((i + 1) * rows - n * line for i, n in enumerate(read) if n < height)
    return FLOAT_BYTES * max(0, *ahead, 0)


def _depthwise(call: Call, registers: bool) -> StageCode:
    weight, bias = _weights(call)
    channels = call.in_shape[-1]
    filled = -(-channels // GROUP) * GROUP
    columns = np.zeros((1 + call.sizes["kernel"] ** 2, filled), np.float32)
    columns[:, :channels] = np.vstack([bias, weight.reshape(-1, channels)])
    groups = columns.reshape(len(columns), -1, GROUP).transpose(1, 0, 2)
    return StageCode(
        call.kernel,
        call.sizes,
        {"weight": groups.ravel()},
        scratch=FLOAT_BYTES * _lines(call, 1, filled),
        lead=_row_lead(call, 1),
        functions=_functions(call),
    )


def _product(call: Call, registers: bool) -> StageCode:
    """Return the C of a dense layer.

    Blocks of 4 inputs are faster, but are more code and need registers that have to be saved: stack, which
    networks with convolutions take anyway.
    """
    block = 4 if registers else 2
    weight, bias = _weights(call)
    whole = weight.shape[1] // block * block
    parts = [_in_turn(weight[:, :whole], bias, together=GROUP), weight[:, whole:].T.ravel()]
    return StageCode(
        call.kernel, {"block": block}, {"weight": np.concatenate(parts)}, functions=_functions(call)
    )


STAGE_CODES: Mapping[type[Call], Callable[[Any, bool], StageCode]] = {
    Convolution: _convolution,
    ChannelFilters: _depthwise,
    Product: _product,
    Maximum: _pool,
    Mean: _pool,
}
"""How a class of call is written; ``(call, registers)``: whether to use those that have to be saved."""

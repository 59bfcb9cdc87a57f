"""The stages of int8 networks as C: which kernel computes a call, with which sizes and arrays.

`STAGE_CODES` says it for each class of call; the arrays come in the order in which the kernel reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.export.int8.code import StageCode
from engine.export.int8.conv2d import compact_conv2d, conv2d
from engine.export.int8.dense import dense
from engine.export.int8.depthwise import depthwise
from engine.export.int8.elementwise import gather, softmax, table
from engine.export.int8.pool import avg_pool, max_pool
from engine.export.int8.small import small_conv2d, small_dense
from engine.int8.calls import (
    IntegerAvgPool,
    IntegerCall,
    IntegerConv2D,
    IntegerDense,
    IntegerDepthwise,
    IntegerGather,
    IntegerMaxPool,
    IntegerSoftmax,
    IntegerTable,
)

__all__ = ["COMPACT_CODES", "SMALL_CODES", "STAGE_CODES", "StageCode", "stage_code"]

Codes = Mapping[type[IntegerCall], Callable[[Any], StageCode]]

STAGE_CODES: Codes = {
    IntegerAvgPool: avg_pool,
    IntegerConv2D: conv2d,
    IntegerDense: dense,
    IntegerDepthwise: depthwise,
    IntegerGather: gather,
    IntegerMaxPool: max_pool,
    IntegerSoftmax: softmax,
    IntegerTable: table,
}
"""How each class of call is written."""

SMALL_CODES: Codes = {
    IntegerConv2D: small_conv2d,
    IntegerDense: small_dense,
}
"""What is written instead where small code is wanted."""

COMPACT_CODES: Codes = {IntegerConv2D: compact_conv2d}
"""What is written instead where fast code is wanted that has small weights."""


def stage_code(call: IntegerCall, fast: bool = True, compact: bool = False) -> StageCode:
    """Return the C of `call`, `fast` or small; of fast code the one with `compact` weights."""
    others = SMALL_CODES if not fast else COMPACT_CODES if compact else {}
    write = others.get(type(call), STAGE_CODES[type(call)])
    return write(call)

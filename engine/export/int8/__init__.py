"""The stages of int8 networks as C: which kernel computes a call, with which sizes and arrays.

`STAGE_CODES` says it for each class of call; the arrays come in the order in which the kernel reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.export.int8.code import StageCode
from engine.export.int8.conv2d import conv2d
from engine.export.int8.dense import dense
from engine.export.int8.depthwise import depthwise
from engine.export.int8.elementwise import gather, softmax, table
from engine.export.int8.pool import avg_pool, max_pool
from engine.integer import (
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

__all__ = ["STAGE_CODES", "StageCode", "stage_code"]

STAGE_CODES: Mapping[type[IntegerCall], Callable[[Any, bool], StageCode]] = {
    IntegerAvgPool: avg_pool,
    IntegerConv2D: conv2d,
    IntegerDense: dense,
    IntegerDepthwise: depthwise,
    IntegerGather: gather,
    IntegerMaxPool: max_pool,
    IntegerSoftmax: softmax,
    IntegerTable: table,
}
"""How each class of call is written; ``(call, fast)``: fast code, or small code where both exist."""


def stage_code(call: IntegerCall, fast: bool = True) -> StageCode:
    """Return the C of `call`, `fast` or small."""
    return STAGE_CODES[type(call)](call, fast)

"""The calls of an int8 network; their contract with C kernels is in `engine.int8.calls.call`."""

from __future__ import annotations

from engine.int8.calls.call import IntegerCall
from engine.int8.calls.conv2d import IntegerConv2D
from engine.int8.calls.dense import IntegerDense
from engine.int8.calls.depthwise import IntegerDepthwise
from engine.int8.calls.lookup import (
    IntegerFixedSoftmax,
    IntegerGather,
    IntegerSoftmax,
    IntegerTable,
    softmax_table,
)
from engine.int8.calls.pool import IntegerAvgPool, IntegerMaxPool, IntegerMean
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.calls.window import Window

__all__ = [
    "IntegerAvgPool",
    "IntegerCall",
    "IntegerConv2D",
    "IntegerDense",
    "IntegerDepthwise",
    "IntegerFixedSoftmax",
    "IntegerGather",
    "IntegerMaxPool",
    "IntegerMean",
    "IntegerSoftmax",
    "IntegerTable",
    "IntegerWeighted",
    "Window",
    "softmax_table",
]

"""Stages in int8 that look numbers up or move them."""

from __future__ import annotations

from engine.export.int8.code import StageCode
from engine.export.int8.requantized import table_bytes
from engine.int8.calls import IntegerGather, IntegerSoftmax, IntegerTable

__all__ = ["gather", "softmax", "table"]


def table(call: IntegerTable) -> StageCode:
    """Return the C of a function of each number."""
    return StageCode("table_s8", arrays={"table": table_bytes(call.table)})


def softmax(call: IntegerSoftmax) -> StageCode:
    """Return the C of softmax."""
    return StageCode("softmax_s8", arrays={"exponentials": call.table})


def gather(call: IntegerGather) -> StageCode:
    """Return the C of another order."""
    return StageCode("gather_s8", arrays={"order": call.order})

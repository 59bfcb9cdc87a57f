"""The C of the stages of a float network: each call gives its kernel and the layout of its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from engine.export import kernel_files
from engine.nn.kernel_calls import Call
from engine.stage_code import StageCode, Variant

__all__ = ["stage_codes"]


def stage_codes(calls: Sequence[Call], fast: bool = True) -> tuple[StageCode, ...]:
    """Return the C of each of the `calls` of a network, in the fast or the small variant."""
    variant = Variant(fast, registers=fast and any(call.many_registers for call in calls))
    return tuple(_asked(call.code(variant)) for call in calls)


def _asked(code: StageCode) -> StageCode:
    """Return `code` with the functions that its kernel asks for."""
    asked = kernel_files.parameters(code.kernel)
    return dataclasses.replace(code, functions={n: f for n, f in code.functions.items() if n in asked})

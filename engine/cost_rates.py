"""Rates that turn counts into instructions and bytes, for each target: measured, see `engine.cost`.

On AVR, where cycles are counted, they are cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RATES", "KernelRates", "TargetRates"]


@dataclass(frozen=True)
class KernelRates:
    """What one kernel takes.

    Attributes
    ----------
    instructions : tuple of float
        For each of the counts of `engine.cost.counts`; for a function, for each output.
    code : float
        Bytes of code.
    """

    instructions: tuple[float, ...]
    code: float


@dataclass(frozen=True)
class TargetRates:
    """What networks take on one target.

    Attributes
    ----------
    kernels : mapping of str to KernelRates
        By `engine.cost.path`.
    functions : mapping of str to KernelRates
        Instructions for each output that a function is applied to; its code is there once.
    others : KernelRates
        For kernels that were not measured.
    call : float
        Instructions of an inference outside of all kernels.
    code, stack : float
        Bytes of code outside of all kernels, and of stack.
    """

    kernels: Mapping[str, KernelRates]
    functions: Mapping[str, KernelRates]
    others: KernelRates
    call: float
    code: float
    stack: float


_OTHERS = KernelRates((100.0, 2.0, 10.0, 20.0, 2.0, 2.0), 400.0)
_UNMEASURED = TargetRates({}, {}, _OTHERS, 50.0, 1000.0, 100.0)
_TARGETS = ("avr", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")

RATES: Mapping[str, TargetRates] = dict.fromkeys(_TARGETS, _UNMEASURED)
"""The rates of each target."""

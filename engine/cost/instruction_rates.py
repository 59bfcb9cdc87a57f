"""Measured rates of each target, which turn counts into instructions and bytes (see `engine.cost.estimate`).

On AVR, where cycles are counted, instructions are cycles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import resources

__all__ = ["FILE", "RATES", "KernelRates", "TargetRates"]

FILE = "cost_rates.json"  # written by `python -m tests.benchmarks.cost --write`


@dataclass(frozen=True)
class KernelRates:
    """The cost of one kernel.

    Attributes
    ----------
    instructions : tuple of float
        For each of `engine.cost.estimate.counts`; for a function, one rate per output.
    code, code_for_tap : float
        Bytes of code, and bytes more for each unrolled step, see `engine.cost.estimate.unrolled`.
    """

    instructions: tuple[float, ...]
    code: float
    code_for_tap: float = 0.0


@dataclass(frozen=True)
class TargetRates:
    """The cost of networks on one target.

    Attributes
    ----------
    kernels : mapping of str to KernelRates
        By `engine.cost.estimate.path`; also by the kernel's name alone, for paths with too few
        measurements.
    functions : mapping of str to KernelRates
        Activation functions by name: instructions for each output, and bytes of code, which is there once.
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

    def knows(self, *names: str) -> bool:
        """Whether one of `names` was measured."""
        return any(name in self.kernels for name in names)

    def of(self, *names: str) -> KernelRates:
        """Return the rates of the first of `names` that was measured."""
        return next((self.kernels[name] for name in names if name in self.kernels), self.others)


def _kernel(raw: Mapping[str, Any]) -> KernelRates:
    return KernelRates(tuple(raw["instructions"]), raw["code"], raw["code_for_tap"])


def _target(raw: Mapping[str, Any]) -> TargetRates:
    kernels, functions = ({n: _kernel(k) for n, k in raw[part].items()} for part in ("kernels", "functions"))
    return TargetRates(kernels, functions, _kernel(raw["others"]), raw["call"], raw["code"], raw["stack"])


class _Rates(Mapping[str, TargetRates]):
    """The file's content, read when first needed: the program must start without the file too."""

    @cached_property
    def _found(self) -> dict[str, TargetRates]:
        return {name: _target(raw) for name, raw in json.loads(resources.read_bytes(FILE)).items()}

    def __getitem__(self, name: str) -> TargetRates:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


RATES: Mapping[str, TargetRates] = _Rates()
"""The rates of each target."""

"""Measured rates of each target, which turn counts into instructions and bytes (see `engine.cost.loops`).

On AVR, where cycles are counted, instructions are cycles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import resources
from engine.cost.loops import ANY

__all__ = ["FILE", "RATES", "Rates", "TargetRates"]

FILE = "cost_rates.json"  # written by `python -m tests.benchmarks.cost --write`


@dataclass(frozen=True)
class Rates:
    """What the parts of a kernel take (`engine.cost.loops.Loops`), or those of a function.

    Attributes
    ----------
    steps : mapping of str to float
        Instructions of one round of each part.
    code : mapping of str to float
        Bytes of one copy of each part.
    sizes : mapping of str to float
        The largest of each size that was measured.
    rare : frozenset of str
        Parts that few of the measured stages had.
    """

    steps: Mapping[str, float]
    code: Mapping[str, float]
    sizes: Mapping[str, float] = field(default_factory=dict)
    rare: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TargetRates:
    """The rates of one target.

    Attributes
    ----------
    kernels : mapping of str to Rates
        By name; `ANY` is for kernels that were not measured.
    functions : mapping of str to Rates
        Functions that kernels apply, by name, with the one part ``each``; `ANY` as above.
    shared : mapping of str to float
        Bytes of what a program has once for all stages: helpers of a kernel, by its name, and `Loops.shared`.
    around : Rates
        What lies around the stages: ``call``, ``stages``, ``copies``, ``copied`` (`Facts.copied`).
    stack : float
        Bytes.
    """

    kernels: Mapping[str, Rates]
    functions: Mapping[str, Rates]
    shared: Mapping[str, float]
    around: Rates
    stack: float

    def kernel(self, name: str) -> Rates:
        """Return the rates of a kernel, those of any kernel if it was not measured."""
        return self.kernels.get(name, self.kernels[ANY])

    def function(self, name: str) -> Rates:
        """Return the rates of a function, those of any function if it was not measured."""
        return self.functions.get(name, self.functions[ANY])


def _rates(raw: Mapping[str, Any]) -> Rates:
    return Rates(raw["steps"], raw["code"], raw.get("sizes", {}), frozenset(raw.get("rare", ())))


def _target(raw: Mapping[str, Any]) -> TargetRates:
    kernels, functions = ({n: _rates(r) for n, r in raw[part].items()} for part in ("kernels", "functions"))
    return TargetRates(kernels, functions, raw["shared"], _rates(raw["around"]), raw["stack"])


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

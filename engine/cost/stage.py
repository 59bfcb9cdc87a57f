"""What the stages of a network take: the parts of their kernels times the rates of a target.

A prediction is *rough* where the measured stages say little about it: a kernel or a function that was not
measured, a size beyond all that were, a part that hardly any of them had. It is then raised, and a range is
given with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.cost.figures import Figure, estimated
from engine.cost.instruction_rates import Rates, TargetRates
from engine.cost.loops import Loops, any_kernel
from engine.cost.loops_float import FLOAT
from engine.cost.loops_int8 import INT8
from engine.export.facts import Facts, KernelWorkload

__all__ = ["Prediction", "around", "loops_of", "predict", "shared_names", "sizes_of"]

KERNELS = {**INT8, **FLOAT}
FORMS = ("kernel", "stride", "pool", "size", "window_height", "window_width", "factor")
"""Sizes that decide which loops a compiler writes out, and so what they take."""

MUCH = 0.1  # share of the instructions of a stage
RARE, BEYOND, UNKNOWN = 0.2, 0.3, 0.6
"""How far off a prediction may be, as a share of it: with a rare part, a size beyond the measured ones, and
of a kernel or function that was never measured. It is raised by half of that, as too little is what harms."""


def loops_of(workload: KernelWorkload) -> Loops:
    """Return the parts of a call of a kernel."""
    return KERNELS.get(workload.kernel, any_kernel)(workload)


def sizes_of(workload: KernelWorkload) -> Mapping[str, int]:
    """Return the sizes for which it matters whether they were measured."""
    return {name: workload.sizes[name] for name in FORMS if name in workload.sizes}


@dataclass(frozen=True)
class Prediction:
    """What one stage takes.

    Attributes
    ----------
    instructions, code : Figure
        Executed instructions, and bytes of code, which is compiled for the stage's own sizes.
    shared : frozenset of str
        The helpers that it calls, of which a program has one copy each.
    """

    instructions: Figure
    code: Figure
    shared: frozenset[str]


def predict(workload: KernelWorkload, rates: TargetRates) -> Prediction:
    """Return what a stage takes on the target with these rates."""
    loops, known = loops_of(workload), rates.kernels.get(workload.kernel)
    shared, share = _shared(workload, loops), _doubt(workload, loops, rates)
    if known is None:
        loops, known = any_kernel(workload), rates.kernel(workload.kernel)
    functions = [(rates.function(name), *often) for name, often in loops.functions.items()]
    steps = sum(often * function.steps["each"] for function, often, _ in functions)
    code = sum(copies * function.code["each"] for function, _, copies in functions)
    return Prediction(
        _raised(_sum(loops.steps, known.steps) + steps, share),
        _raised(_sum(loops.code, known.code) + code, share),
        shared,
    )


def shared_names(facts: Facts) -> frozenset[str]:
    """Return the names of the helpers that the stages call."""
    return frozenset().union(*(_shared(workload, loops_of(workload)) for workload in facts.workloads))


def _shared(workload: KernelWorkload, loops: Loops) -> frozenset[str]:
    return frozenset((workload.kernel, *loops.shared, *loops.functions))


def around(facts: Facts) -> Mapping[str, float]:
    """Return the parts of the code around the stages."""
    copied = float(facts.copied)
    return {"call": 1.0, "stages": float(len(facts.workloads)), "copies": float(copied > 0), "copied": copied}


def _doubt(workload: KernelWorkload, loops: Loops, rates: TargetRates) -> float:
    """Return how far off a prediction may be, as a share of it; 0 where enough was measured."""
    known = rates.kernels.get(workload.kernel)
    if known is None or not loops.functions.keys() <= rates.functions.keys():
        return UNKNOWN
    if not loops.steps.keys() <= known.steps.keys() or _is_beyond(workload, known):
        return BEYOND
    rare = {name: count for name, count in loops.steps.items() if name in known.rare}
    return RARE if _sum(rare, known.steps) > MUCH * _sum(loops.steps, known.steps) else 0.0


def _is_beyond(workload: KernelWorkload, known: Rates) -> bool:
    return any(n > known.sizes.get(name, 0) for name, n in sizes_of(workload).items())


def _sum(parts: Mapping[str, float], rates: Mapping[str, float]) -> float:
    return sum(count * rates.get(name, 0.0) for name, count in parts.items())


def _raised(value: float, share: float) -> Figure:
    return estimated(value * (1 + share / 2), share)

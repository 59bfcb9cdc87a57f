"""Fit the rates of a target to measured networks; the idea is in `tests.benchmarks.cost`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.cost import stage
from engine.cost.instruction_rates import Rates, TargetRates
from engine.cost.loops import ANY, Loops, any_kernel
from engine.export.facts import KernelWorkload
from tests.benchmarks.cost_errors import Sample
from tests.benchmarks.least_squares import not_negative

__all__ = ["fit", "scaled"]

RARE = 4  # stages that a part needs to be well known
NEAR = 0.05  # relative error from which on a stage counts less
TOO_LOW = 1.2  # how much more an error counts if the prediction is too low
ROUNDS = 8  # of weighting
LEAST_STEPS, LEAST_BYTES = 50.0, 30.0  # smaller stages count as if they were as large
FUNCTION = "function "  # before the names of unknowns that are functions

Floats = NDArray[np.float64]
Row = Mapping[str, float]
Count = Callable[[KernelWorkload], Loops]


@dataclass(frozen=True)
class _Stage:
    """One stage of a measured network."""

    workload: KernelWorkload
    loops: Loops
    steps: float
    code: float
    total: float

    @property
    def step_row(self) -> Row:
        applied = {FUNCTION + name: often for name, (often, _) in self.loops.functions.items()}
        return {self._of(part): n for part, n in self.loops.steps.items()} | applied

    @property
    def code_row(self) -> Row:
        applied = {FUNCTION + name: copies for name, (_, copies) in self.loops.functions.items()}
        return {self._of(part): n for part, n in self.loops.code.items()} | applied

    def _of(self, part: str) -> str:
        return f"{self.workload.kernel}: {part}"


def fit(samples: Sequence[Sample]) -> TargetRates:
    """Return the rates that predict `samples` best."""
    stages = list(_stages(samples, stage.loops_of))
    steps, code = _solved_steps(stages), _solved_code(stages)
    kernels = {
        name: _kernel(name, stages, steps, code) for name in sorted({s.workload.kernel for s in stages})
    }
    names = sorted({f for s in stages for f in s.loops.functions})
    functions = {f: Rates({"each": steps[FUNCTION + f]}, {"each": code[FUNCTION + f]}) for f in names}
    around, shared = _surroundings(samples)
    stack = float(np.percentile([s.taken.stack for s in samples], 90))
    return TargetRates(
        {**kernels, ANY: _any_kernel(samples)}, {**functions, ANY: _usual(functions)}, shared, around, stack
    )


def scaled(samples: Sequence[Sample], base: TargetRates) -> TargetRates:
    """Return `base` for a target with nearly the same code: the rates of each kernel times one number."""
    stages = list(_stages(samples, stage.loops_of))
    names = sorted({s.workload.kernel for s in stages})
    kernels = {name: _scaled_kernel([s for s in stages if s.workload.kernel == name], base) for name in names}
    around, shared = _surroundings(samples)
    stack = float(np.percentile([s.taken.stack for s in samples], 90))
    return replace(base, kernels={**base.kernels, **kernels}, around=around, shared=shared, stack=stack)


def _scaled_kernel(stages: Sequence[_Stage], base: TargetRates) -> Rates:
    known = base.kernels[stages[0].workload.kernel]
    predicted = [stage.predict(s.workload, base) for s in stages]
    pairs = list(zip(stages, predicted, strict=True))
    steps = [s.steps / max(1.0, found.instructions.value) for s, found in pairs]
    code = [s.code / max(1.0, found.code.value) for s, found in pairs]
    return replace(known, steps=_times(known.steps, steps), code=_times(known.code, code))


def _times(rates: Row, factors: Sequence[float]) -> dict[str, float]:
    return {name: rate * float(np.median(factors)) for name, rate in rates.items()}


def _stages(samples: Iterable[Sample], count: Count) -> Iterator[_Stage]:
    for sample in samples:
        taken = zip(sample.facts.workloads, sample.taken.steps, sample.taken.code, strict=True)
        for workload, steps, code in taken:
            yield _Stage(workload, count(workload), steps, code, sample.taken.total)


def _solved_steps(stages: Sequence[_Stage]) -> Row:
    weights = [1 / (max(s.steps, LEAST_STEPS) ** 0.75 * s.total**0.25) for s in stages]
    return _solve([s.step_row for s in stages], [s.steps for s in stages], weights)


def _solved_code(stages: Sequence[_Stage]) -> Row:
    weights = [max(s.code, LEAST_BYTES) ** -0.5 for s in stages]
    return _solve([s.code_row for s in stages], [s.code for s in stages], weights)


def _kernel(name: str, stages: Sequence[_Stage], steps: Row, code: Row) -> Rates:
    own = [s for s in stages if s.workload.kernel == name]
    often: Counter[str] = Counter()
    for parts in {(*s.loops.steps, *s.loops.code, repr(s.workload)) for s in own}:
        often.update(set(parts[:-1]))
    return Rates(
        _parts(name, steps),
        _parts(name, code),
        _largest(own),
        frozenset(p for p, n in often.items() if n < RARE),
    )


def _largest(stages: Sequence[_Stage]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for found in (stage.sizes_of(s.workload) for s in stages):
        largest |= {name: max(n, largest.get(name, 0)) for name, n in found.items()}
    return largest


def _parts(kernel: str, solved: Row) -> dict[str, float]:
    start = f"{kernel}: "
    return {name.removeprefix(start): rate for name, rate in solved.items() if name.startswith(start)}


def _any_kernel(samples: Sequence[Sample]) -> Rates:
    """Return rates for kernels that were not measured: those of one that stands for all."""
    stages = list(_stages(samples, any_kernel))
    rows = [s.loops.steps for s in stages]
    steps = _solve(rows, [s.steps for s in stages], [1 / max(s.steps, LEAST_STEPS) for s in stages])
    return Rates(steps, {"call": float(np.median([s.code for s in stages]))})


def _usual(functions: Mapping[str, Rates]) -> Rates:
    """Return rates for functions that were not measured."""
    steps = [f.steps["each"] for f in functions.values()] or [0.0]
    code = [f.code["each"] for f in functions.values()] or [0.0]
    return Rates({"each": float(np.median(steps))}, {"each": float(np.median(code))})


def _surroundings(samples: Sequence[Sample]) -> tuple[Rates, dict[str, float]]:
    """Return the rates of what lies around stages, and the bytes of what they share."""
    rows = [stage.around(s.facts) for s in samples]
    outside = [s.taken.total - sum(s.taken.steps) for s in samples]
    steps = _solve(rows, outside, [1 / max(n, 1.0) for n in outside])
    used = [dict.fromkeys(stage.shared_names(s.facts), 1.0) for s in samples]
    shared_rows = [
        {f"around {k}": v for k, v in row.items()} | names for row, names in zip(rows, used, strict=True)
    ]
    rest = [s.taken.code_bytes - sum(s.taken.code) for s in samples]
    solved = _solve(shared_rows, rest, [1 / s.flash for s in samples])
    code = {k.removeprefix("around "): v for k, v in solved.items() if k.startswith("around ")}
    return Rates(steps, code), {k: v for k, v in solved.items() if not k.startswith("around ") and v}


def _solve(rows: Sequence[Row], y: Sequence[float], weights: Sequence[float]) -> dict[str, float]:
    """Return the rate of each name in `rows`, with outliers weighted down round by round."""
    names = sorted({name for row in rows for name in row})
    place = {name: i for i, name in enumerate(names)}
    a, goal, own = np.zeros((len(rows), len(names))), np.asarray(y, np.float64), np.asarray(weights)
    for i, row in enumerate(rows):
        for name, count in row.items():
            a[i, place[name]] += count
    weight = own
    for _ in range(ROUNDS):
        found = not_negative(a * weight[:, None], goal * weight)
        off = (goal - a @ found) / np.maximum(goal, 1.0)
        weight = own / np.sqrt(1 + (off / NEAR) ** 2) * np.where(off > 0, TOO_LOW, 1.0)
    return dict(zip(names, (float(n) for n in found), strict=True))

"""Measured networks beside what is predicted for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.cost.estimate import code_bytes, instructions
from engine.cost.instruction_rates import TargetRates
from engine.cost.stage import predict
from engine.export.facts import Facts
from tests.benchmarks.cost_measure import Measured

__all__ = ["Errors", "Sample", "errors", "tell"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """A network in a format: what is known of it, and what it takes."""

    format: str
    facts: Facts
    taken: Measured

    @property
    def flash(self) -> int:
        """Bytes of code and constants."""
        return self.taken.code_bytes + self.taken.constant_bytes


@dataclass(frozen=True)
class Errors:
    """Relative errors of predictions; below 0 where they are too low."""

    values: Floats

    @property
    def median(self) -> float:
        return float(np.median(np.abs(self.values)))

    @property
    def most(self) -> float:
        """The error that nine of ten stay below."""
        return float(np.percentile(np.abs(self.values), 90))

    @property
    def words(self) -> str:
        sizes = np.abs(self.values)
        low = np.mean(self.values < -0.05)
        return (
            f"median {self.median:6.2%}, nine of ten within {self.most:6.2%}, worst {sizes.max():6.1%}; "
            f"more than 5 % too low {low:5.1%}"
        )


def errors(samples: Sequence[Sample], rates: TargetRates) -> tuple[Errors, Errors]:
    """Return the errors of instructions and of flash."""
    steps, flash = np.array([_errors(sample, rates) for sample in samples]).T
    return Errors(steps), Errors(flash)


def _errors(sample: Sample, rates: TargetRates) -> tuple[float, float]:
    facts = sample.facts
    stages = [predict(workload, rates) for workload in facts.workloads]
    flash = facts.weight_bytes + code_bytes(facts, rates, stages).value
    return instructions(facts, rates, stages).value / sample.taken.total - 1, flash / sample.flash - 1


def tell(name: str, samples: Sequence[Sample], rates: TargetRates) -> None:
    """Print how well `rates` predict `samples`, format by format."""
    for line in lines(name, samples, rates):
        print(line, flush=True)


def lines(name: str, samples: Sequence[Sample], rates: TargetRates) -> Iterator[str]:
    """Yield those lines."""
    for format_name in sorted({s.format for s in samples}):
        chosen = [s for s in samples if s.format == format_name]
        for what, found in zip(("instructions", "flash"), errors(chosen, rates), strict=True):
            yield f"{name:24} {format_name:9} {what:12} {len(chosen):4} networks: {found.words}"

"""How well the cost of random networks is predicted that the fit never saw, with bars.

    python -m tests.benchmarks.cost_campaign [FOLDER] [--networks N] [--seed S] [--targets T ...]

Networks are drawn by `tests.benchmarks.cost_drawn`, exported as int8 (and, without bars, as float32),
compiled and run. What was measured stays in FOLDER, if one is given. Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.cost.instruction_rates import RATES
from tests.benchmarks.cost_drawn import drawn
from tests.benchmarks.cost_errors import Errors, Sample, errors
from tests.benchmarks.cost_measure import Network, Store, facts

__all__ = ["BARS", "SEED", "Bar", "judged", "measured"]

SEED = 20261201


@dataclass(frozen=True)
class Bar:
    """What is asked on one target in one format: the median error and what nine of ten stay below.

    Attributes
    ----------
    target, format, variant : str
    median, most : float
        0 where errors are only told.
    limits : (int, int)
        Products and weights of a network, at most.
    """

    target: str
    format: str
    variant: str
    median: float
    most: float
    limits: tuple[int, int]

    def missed(self, found: Errors) -> bool:
        """Tell whether errors are beyond the bar."""
        return bool(self.median) and (found.median > self.median or found.most > self.most)


LARGE, SLOW, TINY = (800_000, 120_000), (60_000, 60_000), (20_000, 12_000)
BARS = (
    Bar("cortex-m4", "c-int8", "auto", 0.04, 0.12, LARGE),
    Bar("cortex-m0plus", "c-int8", "auto", 0.04, 0.12, LARGE),
    Bar("rv32imc", "c-int8", "auto", 0.04, 0.12, LARGE),
    Bar("avr", "c-int8", "small", 0.08, 0.20, (150_000, 25_000)),
    Bar("cortex-m4", "c-float32", "auto", 0, 0, LARGE),
    Bar("cortex-m0plus", "c-float32", "auto", 0, 0, SLOW),
    Bar("rv32imc", "c-float32", "auto", 0, 0, SLOW),
    Bar("avr", "c-float32", "auto", 0, 0, TINY),
)


def measured(bar: Bar, folder: Path, count: int, seed: int, only_kept: bool = False) -> list[Sample]:
    """Return what `count` networks take."""
    store, found = Store(folder, bar.target), []
    for spec in drawn(np.random.default_rng(seed), count, *bar.limits):
        network = Network(spec, bar.format, bar.variant)
        taken = store.measured(network, only_kept)
        if taken is not None:
            found.append(Sample(bar.format, facts(network), taken))
    return found


def judged(bar: Bar, samples: Sequence[Sample]) -> bool:
    """Print a row for instructions and one for flash; return whether the bar is met."""
    met = True
    for what, found in zip(("instructions", "flash"), errors(samples, RATES[bar.target]), strict=True):
        asked = f"asked {bar.median:.0%} and {bar.most:.0%}" if bar.median else ""
        verdict = "" if not bar.median else "MISSED" if bar.missed(found) else "met"
        name = f"{bar.target:14} {bar.format:9} {bar.variant:6} {what:12}"
        print(f"{name} {len(samples):4} networks: {found.words}  {asked} {verdict}".rstrip(), flush=True)
        met = met and not bar.missed(found)
    return met


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="where measurements are kept")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only-kept", action="store_true", help="judge what is there, measure nothing")
    parser.add_argument("--targets", nargs="*", default=[bar.target for bar in BARS])
    arguments = parser.parse_args()
    print(f"Networks drawn from seed {arguments.seed}")
    with tempfile.TemporaryDirectory(prefix="tinyml-cost-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [bar for bar in BARS if bar.target in arguments.targets]
        asked = (arguments.networks, arguments.seed, arguments.only_kept)
        results = [judged(bar, found) for bar in chosen if (found := measured(bar, folder, *asked))]
    return int(not all(results))


if __name__ == "__main__":
    raise SystemExit(main())

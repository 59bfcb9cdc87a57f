"""What augmentation costs, as a share of a plain step of LeNet-S; at most a quarter.

Run by hand: ``python -m tests.benchmarks.augmentation``. The plain run and the augmented ones take turns;
each share is the median over the rounds.
"""

from __future__ import annotations

import argparse
import sys

from engine.nn.presets import PRESETS
from engine.training.augment import Augmentation
from tests.benchmarks.report import Figure, show, warn_if_busy
from tests.benchmarks.throughput import CLASSES, made_up, ratio, take_turns, thread_counts, training

AMOUNTS = {
    "shift": 2.0,
    "rotate": 15.0,
    "scale": 0.15,
    "shear": 0.15,
    "elastic": 1.5,
    "stroke": 0.5,
    "noise": 0.1,
}
GEOMETRIC = ("shift", "rotate", "scale", "shear")
MOST = 25.0  # per cent
PLAIN = "nothing"


def main() -> int:
    """Print a table for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="measured of each run in each round")
    options = parser.parse_args()
    warn_if_busy()
    missed = [
        _compare(options.batch, threads, options.rounds, options.seconds) for threads in thread_counts()
    ]
    return max(missed)


def _compare(batch: int, threads: int, rounds: int, seconds: float) -> int:
    spec, data = PRESETS["lenet"].build(CLASSES), made_up(12_800)
    settings = {PLAIN: Augmentation()}
    settings |= {name: Augmentation(**{name: amount}) for name, amount in AMOUNTS.items()}
    settings["shift, rotate, scale, shear"] = Augmentation(**{name: AMOUNTS[name] for name in GEOMETRIC})
    settings["all"] = Augmentation(**AMOUNTS)
    runs = {name: training(spec, data, batch, threads, setting) for name, setting in settings.items()}
    times = take_turns(runs, rounds, seconds)
    figures = [
        Figure(name, 100 * (ratio(times[name], times[PLAIN]) - 1), "%", MOST)
        for name in settings
        if name != PLAIN
    ]
    title = f"Cost of augmentation, share of a plain step of LeNet-S, batch {batch}, {threads} thread(s)"
    return show(title, figures)


if __name__ == "__main__":
    sys.exit(main())

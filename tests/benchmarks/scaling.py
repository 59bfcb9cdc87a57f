"""How training scales over batch size, threads, number of images and layer width.

Run by hand: ``python -m tests.benchmarks.scaling``. Two things are judged: the cost of an image and the
memory of a step do not depend on how many images there are, and wider layers cost no more than their
arithmetic. In each table everything takes turns; the figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tracemalloc
from collections.abc import Mapping, Sequence
from itertools import pairwise

from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from tests.benchmarks.report import Figure, machine, show, versions, warn_if_busy
from tests.benchmarks.throughput import CLASSES, made_up, ratio, take_turns, thread_counts, training

NETWORKS = ("lenet", "mlp-32-32", "tinyml-cnn", "separable-cnn")
BATCHES = (8, 16, 32, 64, 128, 256, 512)
COUNTS = (5_000, 10_000, 20_000, 40_000, 60_000)
UNITS = (16, 32, 64, 128, 256, 512, 1024)
FILTERS = (4, 8, 16, 32, 64)
BATCH = 128
STEPS = 50
MOST = 110.0  # per cent: 10 for the noise of a shared machine


def main() -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="measured of each run in each round")
    options = parser.parse_args()
    warn_if_busy()
    print(f"{machine()}\n{versions('numpy')}")
    for threads in thread_counts():
        _over_batches(threads, options.rounds, options.seconds)
    figures = [
        *_over_counts(options.rounds, options.seconds),
        *_over_widths("units", {n: _dense(n) for n in UNITS}, options.rounds, options.seconds),
        *_over_widths("filters", {n: _convolutions(n) for n in FILTERS}, options.rounds, options.seconds),
    ]
    print()
    return show("What must hold", figures)


def _over_batches(threads: int, rounds: int, seconds: float) -> None:
    data = made_up(12_800)
    print(f"\nimages/s, {threads} thread{'s' if threads > 1 else ''}")
    _line("batch", BATCHES)
    for name in NETWORKS:
        spec = PRESETS[name].build(CLASSES)
        runs = {batch: training(spec, data, batch, threads) for batch in BATCHES}
        times = take_turns(runs, rounds, seconds)
        _line(name, [batch / statistics.median(times[batch]) for batch in BATCHES])


def _over_counts(rounds: int, seconds: float) -> list[Figure]:
    """Compare a small data set with larger ones."""
    spec, threads = PRESETS["lenet"].build(CLASSES), thread_counts()[-1]
    runs = {count: training(spec, made_up(count), BATCH, threads) for count in COUNTS}
    times = take_turns(runs, rounds, max(seconds, 1.0))
    peaks = {count: _peak(spec, count) for count in COUNTS}
    print(f"\nLeNet-S, batch {BATCH}, {threads} threads")
    _line("images", COUNTS)
    _line("µs an image", [1e6 * statistics.median(times[count]) / BATCH for count in COUNTS])
    _line("ratio", [ratio(times[count], times[COUNTS[0]]) for count in COUNTS])
    _line("peak, kB", [peaks[count] / 1e3 for count in COUNTS])
    few, many = COUNTS[0], COUNTS[-1]
    return [
        Figure(f"time an image, {many:,} of {few:,} images", 100 * ratio(times[many], times[few]), "%", MOST),
        Figure(f"memory of a step, {many:,} of {few:,} images", 100 * peaks[many] / peaks[few], "%", MOST),
    ]


def _peak(spec: ModelSpec, count: int) -> int:
    """Return the most bytes that are allocated at once during steps, over what is held between them."""
    steps = training(spec, made_up(count), BATCH, 1)
    next(steps)
    tracemalloc.start()
    next(steps)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(min(STEPS, count // BATCH - 3)):
        next(steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before


def _dense(units: int) -> ModelSpec:
    return ModelSpec((Flatten(), Dense(units, "relu"), Dense(units, "relu"), Dense(CLASSES)))


def _convolutions(filters: int) -> ModelSpec:
    first, second = (Conv2D(n, 3, activation="relu") for n in (filters, 2 * filters))
    return ModelSpec((first, MaxPool2D(2), second, MaxPool2D(2), Flatten(), Dense(CLASSES)))


def _over_widths(what: str, specs: Mapping[int, ModelSpec], rounds: int, seconds: float) -> list[Figure]:
    """Compare the growth of time with the growth of arithmetic, from the narrowest network on."""
    data, threads = made_up(12_800), thread_counts()[-1]
    times = take_turns(
        {n: training(spec, data, BATCH, threads) for n, spec in specs.items()}, rounds, seconds
    )
    narrow = next(iter(specs))
    growth = {n: ratio(times[n], times[narrow]) for n in specs}
    work = {n: spec.macs / specs[narrow].macs for n, spec in specs.items()}
    print(f"\n{what}, batch {BATCH}, {threads} threads")
    _line(what, list(specs))
    _line("images/s", [BATCH / statistics.median(times[n]) for n in specs])
    _line("time", list(growth.values()))
    _line("arithmetic", list(work.values()))
    excess = {n: growth[n] / work[n] for n in specs}
    widest = list(specs)[-1]
    worst = max(excess[b] / excess[a] for a, b in pairwise(specs))
    return [
        Figure(
            f"growth of time, of arithmetic: {narrow} to {widest:,} {what}", 100 * excess[widest], "%", MOST
        ),
        Figure(f"growth of time, of arithmetic: worst doubling of {what}", 100 * worst, "%"),
    ]


def _line(head: str, values: Sequence[float]) -> None:
    cells = [f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}" for value in values]
    print(f"{head:14}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


if __name__ == "__main__":
    sys.exit(main())

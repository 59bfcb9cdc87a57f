"""Training throughput against PyTorch, scikit-learn and what the machine could do.

Run by hand, on a quiet machine: ``python -m tests.benchmarks.training``. Every round measures each contender
once, in a process of its own with pinned threads; each ratio is the median over the rounds. PyTorch runs
eagerly in both of its memory layouts, and the faster one of each round counts. The share of the limit is the
arithmetic of a step (2 operations a multiply-accumulate, forward once and backward twice) over what a large
float32 matrix product reaches in the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.report import machine, versions, warn_if_busy

IMAGES = 12_800
PACKAGES = ("numpy", "torch", "scikit-learn")
POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
LAYOUTS = ("contiguous_format", "channels_last")


@dataclass(frozen=True)
class Case:
    """One line of the table; `bar` is the ratio to reach, to PyTorch and where it can to scikit-learn."""

    preset: str
    batch: int
    threads: int
    bar: float

    @property
    def dense(self) -> bool:
        """Whether scikit-learn has such a network."""
        return self.preset.startswith("mlp")


CASES = [
    Case(preset, batch, threads, bar)
    for preset, batch, bars in (
        ("lenet", 32, (1.7, 1.3)),
        ("lenet", 128, (1.5, 1.4)),
        ("mlp-32-32", 32, (2.0, 2.0)),
        ("mlp-32-32", 128, (2.0, 2.0)),
        ("tinyml-cnn", 128, (1.2, 1.2)),
        ("separable-cnn", 128, (1.2, 1.2)),
    )
    for threads, bar in zip((1, 2), bars, strict=True)
]


@dataclass(frozen=True)
class Row:
    """What was measured for one case: medians, in images a second, and ratios."""

    case: Case
    engine: float
    torch: float
    ratio: float
    sklearn: float
    sklearn_ratio: float
    share: float

    @property
    def met(self) -> bool:
        return min(self.ratio, self.sklearn_ratio) >= self.case.bar

    def cells(self) -> list[str]:
        """Return the texts of the table's columns."""
        known = self.case.dense
        return [
            self.case.preset,
            str(self.case.batch),
            str(self.case.threads),
            f"{self.engine:,.0f}",
            f"{self.torch:,.0f}",
            f"{self.ratio:.2f}×",
            f"{self.sklearn:,.0f}" if known else "",
            f"{self.sklearn_ratio:.2f}×" if known else "",
            f"{100 * self.share:.0f} %",
            f"{self.case.bar:.1f}×",
            "met" if self.met else "MISSED",
        ]


HEADS = [
    "network",
    "batch",
    "threads",
    "engine",
    "PyTorch",
    "ratio",
    "scikit-learn",
    "ratio",
    "of limit",
    "bar",
    "",
]
WIDTHS = (13, 5, 7, 9, 9, 6, 12, 6, 8, 4, 6)


def main() -> int:
    """Print the table, or measure one contender (called by itself)."""
    options = _parse()
    if options.one:
        preset, batch, threads = options.preset[0], options.batch[0], options.threads[0]
        print(json.dumps(CONTENDERS[options.one](preset, batch, threads, options.seconds)))
        return 0
    warn_if_busy()
    if options.quick:
        options.rounds, options.seconds = 1, 0.8
    cases = [
        case
        for case in CASES
        if case.preset in options.preset and case.batch in options.batch and case.threads in options.threads
    ]
    show = _print_markdown if options.markdown else _print_plain
    rows = show(_row(case, options.rounds, options.seconds) for case in cases)
    print(f"\n{machine()}; {versions(*PACKAGES)}. Images a second, medians of {options.rounds}.")
    return int(not all(row.met for row in rows))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", nargs="+", default=sorted({case.preset for case in CASES}))
    parser.add_argument("--batch", nargs="+", type=int, default=[32, 128])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5, help="measured in each process")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: two minutes instead of fifteen"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for a README")
    parser.add_argument("--one", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    return parser.parse_args()


def _print_plain(rows: Iterator[Row]) -> list[Row]:
    return _print_lines(rows, lambda cells: "  ".join(map(_aligned, cells, WIDTHS)))


def _aligned(cell: str, width: int) -> str:
    return f"{cell:>{width}}" if cell[:1].isdigit() else f"{cell:{width}}"


def _print_markdown(rows: Iterator[Row]) -> list[Row]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells[:9])} |"

    return _print_lines(rows, line, [line(["---", *["---:"] * 8])])


def _print_lines(
    rows: Iterator[Row], line: Callable[[Sequence[str]], str], under: Sequence[str] = ()
) -> list[Row]:
    """Print each row as soon as it is measured; return all."""
    found = []
    print(line(HEADS), *under, sep="\n", flush=True)
    for row in rows:
        print(line(row.cells()).rstrip(), flush=True)
        found.append(row)
    return found


def _row(case: Case, rounds: int, seconds: float) -> Row:
    from engine.nn.presets import PRESETS

    names = [name for name in CONTENDERS if case.dense or name != "scikit-learn"]
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            speeds[name].append(_measure(name, case, seconds))
    ours = speeds["engine"]
    best = [max(both) for both in zip(*(speeds[layout] for layout in LAYOUTS), strict=True)]
    sklearn = speeds.get("scikit-learn", [0.0] * rounds)
    operations = 6 * PRESETS[case.preset].build(10).macs
    return Row(
        case,
        statistics.median(ours),
        statistics.median(best),
        _ratio(ours, best),
        statistics.median(sklearn),
        _ratio(ours, sklearn) if case.dense else float("inf"),
        operations * _ratio(ours, speeds["limit"]),
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _measure(name: str, case: Case, seconds: float) -> float:
    words = ["--one", name, "--preset", case.preset, "--batch", case.batch, "--threads", case.threads]
    command = [sys.executable, "-m", "tests.benchmarks.training", *map(str, words), "--seconds", str(seconds)]
    threads = (
        1 if name == "engine" else case.threads
    )  # the engine has threads of its own and holds BLAS to one
    environment = {**os.environ, **dict.fromkeys(POOLS, str(threads))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(done.stdout))


def _rate(steps: Iterator[None], batch: int, seconds: float) -> float:
    """Return images a second after a warm-up."""
    from tests.benchmarks.throughput import steps_per_second

    steps_per_second(steps, seconds / 5)
    return batch * steps_per_second(steps, seconds)


def _engine(preset: str, batch: int, threads: int, seconds: float) -> float:
    from engine.nn.presets import PRESETS
    from tests.benchmarks.throughput import CLASSES, made_up, training

    return _rate(training(PRESETS[preset].build(CLASSES), made_up(IMAGES), batch, threads), batch, seconds)


def _torch(layout: str) -> Callable[[str, int, int, float], float]:
    def measure(preset: str, batch: int, threads: int, seconds: float) -> float:
        import torch

        torch.set_num_threads(threads)
        return _rate(_torch_steps(preset, batch, getattr(torch, layout)), batch, seconds)

    return measure


def _torch_steps(preset: str, batch: int, memory_format: object) -> Iterator[None]:
    import torch

    from engine.nn.presets import PRESETS
    from tests.benchmarks.throughput import CLASSES, RATE, made_up
    from tests.torch_nets import TorchNet, to_images

    data = made_up(IMAGES)
    x, y = to_images(data.images), torch.from_numpy(data.labels).long()
    network = TorchNet(PRESETS[preset].build(CLASSES)).module.to(memory_format=memory_format)
    optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()
    while True:
        order = torch.randperm(IMAGES)
        for i in range(0, IMAGES - batch + 1, batch):
            chosen = order[i : i + batch]
            optimizer.zero_grad(set_to_none=True)
            inputs = x[chosen].contiguous(memory_format=memory_format)
            loss(network(inputs), y[chosen]).backward()
            optimizer.step()
            yield


def _scikit_learn(preset: str, batch: int, threads: int, seconds: float) -> float:
    import warnings

    from sklearn.neural_network import MLPClassifier

    from tests.benchmarks.throughput import RATE, made_up

    warnings.simplefilter("ignore")  # one epoch at a time does not converge
    data = made_up(IMAGES)
    x = data.images.reshape(IMAGES, -1).astype("float32") / 255
    network = MLPClassifier(
        (32, 32),
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0.9,
        batch_size=batch,
        max_iter=1,
        warm_start=True,
    )
    network.fit(x, data.labels)
    start, count = time.perf_counter(), 0
    while (now := time.perf_counter()) < start + seconds:
        network.fit(x, data.labels)
        count += IMAGES
    return count / (now - start)


def _limit(preset: str, batch: int, threads: int, seconds: float) -> float:
    """Return the operations a second of a large matrix product."""
    import numpy as np

    a = np.ones((1024, 1024), np.float32)
    best, end = 9.0, time.perf_counter() + seconds / 4
    while (start := time.perf_counter()) < end:
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best


CONTENDERS: dict[str, Callable[[str, int, int, float], float]] = {
    "engine": _engine,
    **{layout: _torch(layout) for layout in LAYOUTS},
    "scikit-learn": _scikit_learn,
    "limit": _limit,
}

if __name__ == "__main__":
    sys.exit(main())

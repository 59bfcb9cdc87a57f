"""The 361 dense networks trained together, against training them one by one with the engine and scikit-learn.

Run by hand, on a quiet machine: ``python -m tests.benchmarks.sweep``. The contenders take turns, each in two
processes at once, and each ratio is the median over the rounds. An epoch is 1,875 steps of 32 images. One by
one, a spread sample of the networks stands for all of them. ``--command`` measures the whole command on MNIST
instead: seconds, and the memory of all its processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.report import Figure, machine, show, versions, warn_if_busy

STEPS, BATCH, PROCESSES, IMAGES = 1875, 32, 2, 6400
ACTIVATIONS = {"sigmoid": "logistic", "relu": "relu"}  # and what scikit-learn calls them
SIDE = 19
BARS = {"together": 8.0, "engine": 3.0, "scikit-learn": 10.0}
SAMPLE = [(depth, 1 + 7 * depth % SIDE) for depth in range(1, SIDE + 1)]  # each depth and each width once


def main() -> int:
    """Print the table, or measure one contender in one process (called by itself)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--activation", nargs="+", default=list(ACTIVATIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured in each process")
    parser.add_argument("--command", action="store_true", help="measure the command on MNIST")
    parser.add_argument("--one", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(CONTENDERS[options.one](options.activation[0], options.part, options.seconds)))
        return 0
    warn_if_busy()
    if options.command:
        return _command(options.activation)
    print(f"{machine()}; {versions('numpy', 'scikit-learn')}\n")
    return int(sum(_compare(name, options.rounds, options.seconds) for name in options.activation) > 0)


def _compare(activation: str, rounds: int, seconds: float) -> bool:
    names = [name for name in CONTENDERS if name != "scikit-learn" or _has_scikit_learn()]
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(_epoch(name, activation, seconds))
    missed = False
    for name, times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        ratio, cpu_ratio = (_ratio(times, found["together"], kind) for kind in (0, 1))
        met = wall <= BARS[name] if name == "together" else ratio >= BARS[name]
        missed |= not met
        print(
            f"{activation:8} {name:13} {wall:7.2f} s an epoch ({cpu:.2f} s of processor time)  "
            f"{ratio:5.2f}× ({cpu_ratio:.2f}×)  bar {BARS[name]:g}  {'met' if met else 'MISSED'}",
            flush=True,
        )
    return missed


def _ratio(times: list[tuple[float, float]], base: list[tuple[float, float]], kind: int) -> float:
    return statistics.median(t[kind] / b[kind] for t, b in zip(times, base, strict=True))


def _has_scikit_learn() -> bool:
    from importlib.util import find_spec

    return find_spec("sklearn") is not None


def _epoch(name: str, activation: str, seconds: float) -> tuple[float, float]:
    """Return the wall and processor seconds of an epoch of all networks on `PROCESSES` processes."""
    words = ["--one", name, "--activation", activation, "--seconds", str(seconds)]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.sweep", *words, "--part", str(part)],
            env={**os.environ, **threads},
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(PROCESSES)
    ]
    steps = [json.loads(process.communicate()[0]) for process in started]
    return STEPS * max(wall for wall, _ in steps), STEPS * sum(cpu for _, cpu in steps)


def _per_step(step: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Return the wall and processor seconds of one call of `step`, after a warm-up."""
    count = 0
    for share in (0.2, 0.8):
        wall, cpu, count = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() < wall + share * seconds:
            step()
            count += 1
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def _together(activation: str, part: int, seconds: float) -> tuple[float, float]:
    from threadpoolctl import threadpool_limits

    from engine.sweep.presets import SWEEPS
    from engine.sweep.stacks.chain import chain_of
    from engine.sweep.stacks.stack import Stack, StackedNetwork
    from engine.sweep.tasks import tasks_for
    from tests.benchmarks.throughput import made_up

    runs = SWEEPS["361"].build((activation,), 10, (28, 28, 1)).runs()
    mine = tasks_for(runs, PROCESSES)[part].runs
    networks = [
        StackedNetwork(chain, run.params(), run.config.learning_rate)
        for run in mine
        if (chain := chain_of(run.spec)) is not None
    ]
    stack = Stack(networks, BATCH)
    data, order = made_up(IMAGES), _batches()
    images = data.images.reshape(IMAGES, -1)

    def step() -> None:
        chosen = next(order)
        stack.step(images.take(chosen, axis=0), data.labels[chosen])

    with threadpool_limits(1, "blas"):
        return _per_step(step, seconds)


def _batches() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(0)
    while True:
        yield from rng.permutation(IMAGES).reshape(-1, BATCH)


def _all_from(sample: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the seconds in which a process does a step of each of its networks, from those of a sample."""
    share = SIDE * SIDE / PROCESSES / len(sample)
    wall, cpu = (share * sum(column) for column in zip(*sample, strict=True))
    return wall, cpu


def _one_by_one(activation: str, part: int, seconds: float) -> tuple[float, float]:
    from engine.nn.layers import Dense, Flatten
    from engine.nn.specs import ModelSpec
    from tests.benchmarks.throughput import made_up, training

    data, mine = made_up(IMAGES), SAMPLE[part::PROCESSES]
    found = []
    for depth, width in mine:
        spec = ModelSpec((Flatten(), *(Dense(width, activation) for _ in range(depth)), Dense(10)))
        steps = training(spec, data, BATCH, 1)
        found.append(_per_step(lambda steps=steps: next(steps), seconds / len(mine)))
    return _all_from(found)


def _scikit_learn(activation: str, part: int, seconds: float) -> tuple[float, float]:
    import warnings

    from sklearn.neural_network import MLPClassifier

    from tests.benchmarks.throughput import made_up

    warnings.simplefilter("ignore")  # one epoch at a time does not converge
    data, mine = made_up(IMAGES), SAMPLE[part::PROCESSES]
    x = data.images.reshape(IMAGES, -1).astype("float32") / 255
    found = []
    for depth, width in mine:
        network = MLPClassifier(
            (width,) * depth,
            activation=ACTIVATIONS[activation],
            solver="sgd",
            learning_rate_init=0.1,
            momentum=0.0,
            batch_size=BATCH,
            max_iter=1,
            warm_start=True,
        )
        fit = lambda network=network: network.fit(x, data.labels)  # noqa: E731
        wall, cpu = _per_step(fit, seconds / len(mine))
        found.append((wall * BATCH / IMAGES, cpu * BATCH / IMAGES))
    return _all_from(found)


CONTENDERS: dict[str, Callable[[str, int, float], tuple[float, float]]] = {
    "together": _together,
    "engine": _one_by_one,
    "scikit-learn": _scikit_learn,
}


def _command(activations: list[str]) -> int:
    figures = []
    for activation in activations:
        with tempfile.TemporaryDirectory() as folder:
            words = ["--preset", "361", "--data", "mnist", "--epochs", "1", "--activation", activation]
            command = [sys.executable, "-m", "engine", "sweep", *words, "--out", str(Path(folder) / "a.csv")]
            start, most = time.perf_counter(), 0
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while process.poll() is None:
                most = max(most, _memory(process.pid))
                time.sleep(0.05)
            figures.append(Figure(f"{activation}: one epoch", time.perf_counter() - start, "s", 15.0))
            figures.append(Figure(f"{activation}: memory", most / 1e6, "MB", 1000.0))
            if process.returncode:
                raise SystemExit(f"the command failed with {process.returncode}")
    return show("tinyml sweep --preset 361 --data mnist --epochs 1", figures)


def _memory(pid: int) -> int:
    """Return the bytes of a process and of those that it started; what they share counts once."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += 1024 * int(line.split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return total
    return total + sum(map(_memory, map(int, children)))


if __name__ == "__main__":
    sys.exit(main())

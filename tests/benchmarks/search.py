"""A search on a board's budget against the presets, and two Dask workers against one.

Run by hand, on a quiet machine: ``python -m tests.benchmarks.search`` searches for ten minutes with MNIST and
trains the presets with the same data, epochs and seed. It says which of them a found network dominates:
validation accuracy at least as high; instructions, flash and RAM at most as high; one of them strictly.
``--dask`` times 16 convolutional runs on one and on two workers of a local cluster.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from engine.data import Catalogue, default_data_dirs
from engine.nn.presets import PRESETS
from engine.sweep.cluster.connection import Cluster
from engine.sweep.columns import Row, row_of
from engine.sweep.description import Run
from engine.sweep.objectives import ACCURACY_AND_COSTS, dominates
from engine.sweep.outcome import Finished
from engine.sweep.processes import carried_out
from engine.sweep.tasks import SingleTask
from engine.training.config import TrainConfig
from tests.benchmarks.report import machine, versions, warn_if_busy
from tests.engine.sweep.cluster_helpers import LocalCluster

RIVALS = ("lenet", "lenet-tinyml", "tinyml-cnn")
AIMS = ACCURACY_AND_COSTS
PROCESSES, RUNS, BAR = 2, 16, 1.7


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--sampler", default="tpe")
    parser.add_argument("--dask", action="store_true", help="time Dask workers instead")
    options = parser.parse_args()
    warn_if_busy()
    print(f"{machine()}; {versions('numpy', 'optuna', 'distributed')}\n")
    return _dask() if options.dask else _search(options)


def _search(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "runs.csv"
        words = ["--trials", options.trials, "--minutes", options.minutes, "--epochs", options.epochs]
        words += ["--objective", ",".join(aim.name for aim in AIMS), "--sampler", options.sampler]
        words += ["--data", "mnist", "--board", "nano-33-ble", "--out", out, "--workers", PROCESSES]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "engine", "sweep", *map(str, words)], check=True)
        seconds = time.perf_counter() - start
        found = [_numbers(row) for row in csv.DictReader(out.read_text(encoding="utf-8").splitlines())]
    print(f"\n{len(found)} networks in {seconds:.0f} s\n")
    missed = 0
    for name, rival in _rivals(options.epochs).items():
        better = [row for row in found if dominates(row, rival, AIMS)]
        missed += not better
        print(f"{name:14} {_words(rival)}  dominated by {len(better)}")
        for row in sorted(better, key=AIMS[0].of)[-1:]:
            print(f"{'':14} {_words(row)}")
    return int(missed > 0)


def _numbers(row: Row) -> Row:
    return {aim.column: float(row[aim.column]) if row[aim.column] else None for aim in AIMS}


def _words(row: Row) -> str:
    accuracy, *sizes = (aim.of(row) for aim in AIMS)
    return f"{accuracy:6.2f} %" + "".join(f"{size:12,.0f}" for size in sizes)


def _rivals(epochs: int) -> dict[str, Row]:
    """Train the presets, and return their rows by name."""
    data = Catalogue(default_data_dirs(None)).load("mnist", "train")
    tasks = []
    for number, name in enumerate(RIVALS):
        config = TrainConfig(epochs=epochs, loss=PRESETS[name].loss, threads=1)
        tasks.append(SingleTask((Run(number, PRESETS[name].build(), config, "layers"),)))
    ended = [event for event in carried_out(tasks, data, None, PROCESSES) if isinstance(event, Finished)]
    return {RIVALS[event.trained.run.number]: row_of(event, "") for event in ended}


def _dask() -> int:
    data = Catalogue(default_data_dirs(None)).load("starter", "train")
    config = TrainConfig(epochs=2, threads=1)
    spec = PRESETS["lenet"].build()
    runs = [Run(number, spec, replace(config, seed=number), "layers") for number in range(RUNS)]
    seconds = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            local = LocalCluster(Path(folder))
            try:
                seconds[workers] = _timed(local, workers, runs, data)
            finally:
                local.close()
        print(f"{workers} worker(s): {seconds[workers]:.1f} s for {RUNS} runs, each there once", flush=True)
    ratio = seconds[1] / seconds[2]
    print(f"{ratio:.2f}×  bar {BAR}  {'met' if ratio >= BAR else 'MISSED'}")
    return int(ratio < BAR)


def _timed(local: LocalCluster, workers: int, runs: list[Run], data: object) -> float:
    address = local.scheduler()
    for _ in range(workers):
        local.worker(address)
    with Cluster(address) as cluster:
        cluster.wait_for(workers)
        start = time.perf_counter()
        events = cluster.carried_out([SingleTask((run,)) for run in runs], data, None)
        times = Counter(event.trained.run.number for event in events if isinstance(event, Finished))
        assert times == Counter(range(RUNS)), times
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())

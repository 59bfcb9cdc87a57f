"""What the benchmarks of training share: data made up on the spot, runs that never end, and a stopwatch.

Only ratios between figures of the same run mean something: what is compared takes turns, so that a busy
moment of the machine meets all alike.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from engine.data.dataset import Dataset
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.events import BatchDone
from engine.training.trainer import Trainer

CLASSES = 10
RATE = 0.02
OFTEN = 1e-4  # seconds until the interpreter hands over, as in the application and on the command line
FOREVER = 10_000  # epochs

Name = TypeVar("Name", bound=Hashable)


def made_up(count: int) -> Dataset:
    """Return images of noise, a fifth of it ink as in MNIST."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, count).astype(np.uint8)
    images = rng.integers(0, 256, (count, 28, 28, 1)).astype(np.uint8)
    images[rng.random(images.shape) < 0.8] = 0
    return Dataset("noise", images, labels, tuple(str(i) for i in range(CLASSES)))


def training(
    spec: ModelSpec, data: Dataset, batch: int, threads: int, augmentation: Augmentation | None = None
) -> Iterator[None]:
    """Train without end; one item a step."""
    sys.setswitchinterval(OFTEN)
    model = Model.new(spec, data.classes, np.random.default_rng(0))
    config = TrainConfig(
        epochs=FOREVER,
        batch_size=batch,
        learning_rate=RATE,
        threads=threads,
        schedule="constant",
        validation=0.0,
        augmentation=augmentation or Augmentation(),
    )
    return (None for event in Trainer(model, data, config).run() if isinstance(event, BatchDone))


def steps_per_second(steps: Iterator[None], seconds: float) -> float:
    """Take steps for about `seconds`."""
    start, count = time.perf_counter(), 0
    while (now := time.perf_counter()) < start + seconds:
        next(steps)
        count += 1
    return count / (now - start)


def take_turns(runs: Mapping[Name, Iterator[None]], rounds: int, seconds: float) -> dict[Name, list[float]]:
    """Return, for each run, the seconds that a step took in each round; the first round warms up."""
    found: dict[Name, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, steps in runs.items():
            found[name].append(1 / steps_per_second(steps, seconds))
    return {name: times[1:] for name, times in found.items()}


def ratio(times: list[float], base: list[float]) -> float:
    """Return the median over the rounds of `times` / `base`."""
    return statistics.median(a / b for a, b in zip(times, base, strict=True))


def thread_counts() -> list[int]:
    """Return 1, 2, 4 … up to the number of cores."""
    cores = os.cpu_count() or 1
    return [2**i for i in range(cores.bit_length()) if 2**i <= cores]

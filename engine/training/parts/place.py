"""Where a run is: its epoch and batch, the order of its images, and its speed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.training.checkpoint import Checkpoint, set_generator
from engine.training.data_parallel import StepResult
from engine.training.parts.part import Indices, Part

__all__ = ["Clock", "EpochOrder", "Place"]


class Place(Part):
    """Where a run is: the epoch (from 1), its finished batches, and their loss and correct answers."""

    def __init__(self) -> None:
        self.epoch = 1
        self.index = 0
        self.loss = 0.0
        self.correct = 0.0

    @property
    def numbers(self) -> Mapping[str, Any]:
        return vars(self)

    def restore(self, run: Checkpoint) -> None:
        at = run.position
        self.epoch, self.index, self.loss, self.correct = at.epoch, at.index, at.loss, at.correct

    def count(self, result: StepResult) -> None:
        """Count a batch."""
        self.index += 1
        self.loss += result.loss
        self.correct += result.correct

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.index, self.loss, self.correct = 0, 0.0, 0.0


class EpochOrder(Part):
    """The order of the training images, which is shuffled for each epoch.

    A checkpoint has the generator's state from the begin of the epoch, so an epoch that was interrupted is
    shuffled in the same way when the run is resumed.

    Parameters
    ----------
    images : ndarray of intp, shape (n,)
        Indices of the training images in the data set.
    rng : numpy.random.Generator
    """

    def __init__(self, images: Indices, rng: np.random.Generator) -> None:
        self.images = images
        self._rng = rng
        self._state = rng.bit_generator.state

    @property
    def generators(self) -> tuple[Mapping[str, Any], ...]:
        return (self._state,)

    def restore(self, run: Checkpoint) -> None:
        set_generator(self._rng, run.generators[0])
        self.remember()

    def shuffled(self) -> Indices:
        """Return the order of the epoch that begins."""
        self.remember()
        return self.images[self._rng.permutation(len(self.images))]

    def remember(self) -> None:
        """Keep the generator's state, from which the next epoch will be shuffled."""
        self._state = self._rng.bit_generator.state


class Clock:
    """The smoothed speed of a run. Only time inside a step counts, not the pauses between batches."""

    def __init__(self) -> None:
        self.seconds_per_step = 0.0
        self.images_per_second = 0.0
        self._start = 0.0
        self._last = 0.0

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._last = time.perf_counter() - self._start

    def count(self, images: int) -> None:
        """Blend the last step into the averages."""
        memory = 0.98 if self.seconds_per_step else 0.0
        self.seconds_per_step = memory * self.seconds_per_step + (1 - memory) * self._last
        self.images_per_second = images / max(self.seconds_per_step, 1e-9)

"""The parts of a training run. Each owns the vectors and numbers that it changes, and saves them itself.

A checkpoint asks every part for its `vectors` and `numbers`; a resumed run hands them back by `restore`.
Arrays are written in place and never replaced, so the views that parts have of each other's stay true.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.training.checkpoint import Checkpoint, set_generator
from engine.training.config import TrainConfig
from engine.training.data_parallel import StepResult
from engine.training.events import Reason
from engine.training.optimizers import OPTIMIZERS, OptimizerSettings

__all__ = [
    "AveragedParameters",
    "Clock",
    "EarlyStopping",
    "EpochOrder",
    "GradientStep",
    "LastGood",
    "Part",
    "Place",
    "RunningStatistics",
]

STATISTIC_MEMORY = 0.9  # of the running statistics of batch norm, as PyTorch
GOOD_EVERY = 20  # batches between copies of the last good parameters

Vector = NDArray[np.float32]
Indices = NDArray[np.intp]


class Part:
    """What a checkpoint needs of a part; the most have only some of it."""

    @property
    def vectors(self) -> Mapping[str, Vector]:
        """The arrays themselves, by their names in a checkpoint."""
        return {}

    @property
    def numbers(self) -> Mapping[str, Any]:
        """Fields of the checkpoint's `Position`."""
        return {}

    @property
    def generators(self) -> tuple[Mapping[str, Any], ...]:
        """States of random generators."""
        return ()

    def restore(self, run: Checkpoint) -> None:
        """Continue from `run`."""
        for name, vector in self.vectors.items():
            vector[...] = run.vectors[name]


class RunningStatistics(Part):
    """The running statistics of batch norm; they stand among the parameters.

    Parameters
    ----------
    state, observed : ndarray of float32
        The statistics, and where the last batch's are put.
    """

    def __init__(self, state: Vector, observed: Vector) -> None:
        self._state = state
        self._observed = observed
        self._change = np.empty_like(state)

    def update(self) -> None:
        """Blend in the statistics of the last batch."""
        if self._change.size:
            np.subtract(self._observed, self._state, out=self._change)
            np.multiply(self._change, np.float32(1 - STATISTIC_MEMORY), out=self._change)
            np.add(self._state, self._change, out=self._state)


class GradientStep(Part):
    """From the gradients of batches to a step of the optimizer: accumulated, then clipped.

    Parameters
    ----------
    params, gradient : ndarray of float32
        The trained parameters, and the gradient of the last batch, which is overwritten.
    decayed : slice
        Parameters that weight decay applies to.
    config : TrainConfig
    """

    def __init__(self, params: Vector, gradient: Vector, decayed: slice, config: TrainConfig) -> None:
        settings = OptimizerSettings(config.momentum, config.nesterov, config.weight_decay, decayed)
        self._step = OPTIMIZERS[config.optimizer].bind(params, gradient, settings)
        self._gradient = gradient
        self._pending = np.zeros_like(gradient)
        self._batches = config.accumulate
        self._clip_norm = config.clip_norm

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._step.steps

    @property
    def vectors(self) -> Mapping[str, Vector]:
        memory = {f"memory{i}": row for i, row in enumerate(self._step.memory)}
        return {**memory, "pending": self._pending}

    @property
    def numbers(self) -> Mapping[str, Any]:
        return {"steps": self._step.steps}

    def restore(self, run: Checkpoint) -> None:
        super().restore(run)
        self._step.steps = run.position.steps

    def take(self, batch: int, rate: float) -> bool:
        """Take a step after batch number `batch` (from 0), unless gradients are still gathered.

        Returns
        -------
        bool
            Whether the parameters were changed.
        """
        if self._batches > 1 and not self._gathered(batch):
            return False
        if self._clip_norm:
            self._clip()
        self._step(rate)
        return True

    def _gathered(self, batch: int) -> bool:
        """Add the batch's share to the pending gradient; where that is whole, put it in place."""
        np.multiply(self._gradient, np.float32(1 / self._batches), out=self._gradient)
        np.add(self._pending, self._gradient, out=self._pending)
        if (batch + 1) % self._batches:
            return False
        np.copyto(self._gradient, self._pending)
        self._pending[...] = 0
        return True

    def _clip(self) -> None:
        length = math.sqrt(float(np.vdot(self._gradient, self._gradient)))
        if length > self._clip_norm:
            np.multiply(self._gradient, np.float32(self._clip_norm / length), out=self._gradient)


class AveragedParameters(Part):
    """The parameters to show and to end with: a running average, or without averaging the trained ones.

    Parameters
    ----------
    params : ndarray of float32
        The parameters that are trained.
    averaging : float
        How much the average remembers, 0 for none.

    Attributes
    ----------
    shown : ndarray of float32
    """

    def __init__(self, params: Vector, averaging: float) -> None:
        self._params = params
        self._averaging = averaging
        self.shown = params.copy() if averaging else params
        self._change = np.empty_like(params)

    @property
    def vectors(self) -> Mapping[str, Vector]:
        return {"shown": self.shown}

    def blend(self, steps: int) -> None:
        """Blend the parameters in. The average forgets faster at first, so that the start fades."""
        if not self._averaging:
            return
        memory = min(self._averaging, steps / (9 + steps))
        np.subtract(self._params, self.shown, out=self._change)
        np.multiply(self._change, np.float32(1 - memory), out=self._change)
        np.add(self.shown, self._change, out=self.shown)


class LastGood(Part):
    """A copy of the shown parameters from before the loss grew beyond all bounds."""

    def __init__(self, shown: Vector) -> None:
        self._shown = shown
        self._good = shown.copy()

    def keep(self, batch: int) -> None:
        """Copy the parameters, now and then."""
        if batch % GOOD_EVERY == 0:
            self._good[...] = self._shown

    def bring_back(self) -> None:
        """Put the copy in place."""
        self._shown[...] = self._good

    def restore(self, run: Checkpoint) -> None:
        self._good[...] = run.vectors["shown"]


class EarlyStopping(Part):
    """Ends a run that no longer improves, and then brings the best parameters back.

    Parameters
    ----------
    patience : int
        Epochs without a lower validation loss; 0 for any number.
    shown : ndarray of float32
        The parameters that are validated.
    """

    def __init__(self, patience: int, shown: Vector) -> None:
        self._patience = patience
        self._shown = shown
        self._best = shown.copy()
        self._lowest = math.inf
        self._since = 0

    @property
    def vectors(self) -> Mapping[str, Vector]:
        return {"best": self._best}

    @property
    def numbers(self) -> Mapping[str, Any]:
        return {"best": self._lowest, "since": self._since}

    def restore(self, run: Checkpoint) -> None:
        super().restore(run)
        self._lowest, self._since = run.position.best, run.position.since

    @property
    def reason(self) -> Reason | None:
        """Why the run is to end; None while it is not."""
        return Reason.EARLY if 0 < self._patience <= self._since else None

    def judge(self, loss: float, last: bool) -> Reason | None:
        """Look at the validation loss of an epoch; return why the run ends with it, if it does."""
        if not self._patience or math.isnan(loss):
            return None
        self._since += 1
        if loss < self._lowest:
            self._lowest, self._since = loss, 0
            self._best[...] = self._shown
        if last or self.reason:
            self._shown[...] = self._best
        return self.reason


class Place(Part):
    """Where a run is: its epoch, from 1, the batches of it that are done, and the sums over them."""

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
    """The training images in an order that changes with each epoch.

    An epoch that was interrupted begins again with the generator as it was, and so has the same order.
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
        """Take the generator's state as that of the epoch to come."""
        self._state = self._rng.bit_generator.state


class Clock:
    """Time spent working, as a smoothed rate; pauses between batches do not count."""

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

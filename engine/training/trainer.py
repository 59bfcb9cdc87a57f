"""Training as a generator of events.

`Trainer.run` yields a frozen event after each batch and each epoch. Whoever consumes it decides what
happens: not asking for the next event pauses the run, `stop` ends it after the current batch, and
`snapshot` between two events gives a copy of the parameters to show. The trainer knows neither threads of
a window nor progress bars.

All that changes during a run is in vectors, a `Position` and generators, so `checkpoint` between two events
says all that is needed to go on later, to the bit.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.data.splits import stratified_split
from engine.errors import TrainingError
from engine.nn.fake_int8 import Rounding
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.record import TrainingRecord
from engine.training.checkpoint import Checkpoint, Position, set_generator
from engine.training.config import TrainConfig, default_threads
from engine.training.evaluate import Evaluation, Evaluator
from engine.training.events import BatchDone, Diverged, EpochDone, Event, Finished, Reason
from engine.training.images import DrawnWork, Work
from engine.training.optimizers import OPTIMIZERS, Settings
from engine.training.replicas import Replicas, Target
from engine.training.run_check import check_run
from engine.training.schedules import SCHEDULES, Schedule

__all__ = [
    "BatchDone",
    "Diverged",
    "EpochDone",
    "Event",
    "Finished",
    "Reason",
    "TrainConfig",
    "Trainer",
    "default_threads",
]

STATISTIC_MEMORY = 0.9  # of the running statistics of batch norm, as PyTorch
EXPLODED = 1e6  # a mean loss above this is divergence even while it is still finite
GOOD_EVERY = 20  # batches between copies of the last good parameters


class Trainer:
    """One run.

    Parameters
    ----------
    model : Model
        Where to start; its parameters are copied.
    data : Dataset
        Training images; a part is kept aside as configured. Never the test set.
    config : TrainConfig
    threads : int or None
        In place of the number that the configuration asks for.
    schedule : callable or None
        In place of the configured schedule: factor of the learning rate for progress 0 … 1.
    rounding : Rounding or None
        How the network is to feel int8 while it learns, if at all.

    Raises
    ------
    TrainingError
        When model, data and configuration do not go together.
    """

    def __init__(
        self,
        model: Model,
        data: Dataset,
        config: TrainConfig,
        threads: int | None = None,
        schedule: Schedule | None = None,
        rounding: Rounding | None = None,
    ) -> None:
        self._model = model
        self._schedule = schedule or SCHEDULES[config.schedule]
        self._config = config
        self._threads = threads or config.actual_threads
        self._data = data
        check_run(model, data, config)
        split, self._shuffle, *rngs = (
            np.random.default_rng(s) for s in np.random.SeedSequence(config.seed).spawn(2 + self._threads)
        )
        self._train, self._validation = _split(data, config.validation, split)
        self._work = _work(data, config.drawings)
        self.params = model.params.copy()
        loss = LOSSES[config.loss]
        self._replicas = Replicas(
            model.spec,
            self.params,
            config.batch_size,
            Target(loss, config.smoothing, config.mixup),
            config.augmentation,
            rngs,
            rounding,
        )
        self._evaluator = Evaluator(model.spec, loss, self._threads, rounding)
        layout = self._replicas.layout
        self._state = layout.state
        trainable = layout.trainable
        self._gradient = self._replicas.grad[trainable]
        settings = Settings(config.momentum, config.nesterov, config.weight_decay, layout.decayed)
        self._step = OPTIMIZERS[config.optimizer].bind(self.params[trainable], self._gradient, settings)
        self._pending = np.zeros_like(self._gradient)
        self._change = np.empty_like(self.params)
        self._stop = threading.Event()
        self._shown = self.params.copy() if config.averaging else self.params
        self._good = self.params.copy()
        self._best = self.params.copy()
        self._at = Position()
        self._order_state = self._shuffle.bit_generator.state
        self._generators = rngs
        self._clock = _Clock()
        self.history: list[EpochDone] = []

    @classmethod
    def resumed(cls, model: Model, data: Dataset, run: Checkpoint) -> Self:
        """Return the trainer that goes on with `run` on the same data.

        Raises
        ------
        TrainingError
            When the data is not what the run began with.
        """
        if len(data) != run.images:
            raise TrainingError(
                f"The run was learning from {run.images:,} images of {run.data}, but {data.name} has "
                f"{len(data):,}; choose the data set that it began with."
            )
        trainer = cls(model, data, run.config, run.threads)
        trainer._restore(run)
        return trainer

    @property
    def threads(self) -> int:
        """The number of threads that the bits of the result belong to."""
        return self._threads

    @property
    def record(self) -> TrainingRecord:
        """What can be said of the run before it has ended."""
        return TrainingRecord(data=self._data.name, config=self._config.to_json(), threads=self._threads)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training images; the rest changes with every shuffle."""
        return len(self._train) // self._config.batch_size

    def stop(self) -> None:
        """End the run after the current batch; may be called from any thread."""
        self._stop.set()

    def snapshot(self) -> NDArray[np.float32]:
        """Return a copy of the parameters; call it between two events, on the thread that pulls them."""
        return self._shown.copy()

    def model(self) -> Model:
        """Return the model as it is now, with the record of the run; call it as `snapshot`."""
        record = replace(self.record, history=tuple(self.history))
        return self._model.replace(params=self.snapshot(), record=record)

    def checkpoint(self) -> Checkpoint:
        """Return what is needed to go on later; call it as `snapshot`."""
        memory = {f"memory{i}": row.copy() for i, row in enumerate(self._step.memory)}
        memory["pending"] = self._pending.copy()
        own = {"params": self.params.copy(), "shown": self.snapshot(), "best": self._best.copy()}
        return Checkpoint(
            self._config,
            self._threads,
            self._data.name,
            len(self._data),
            replace(self._at, steps=self._step.steps),
            tuple(self.history),
            (self._order_state, *(rng.bit_generator.state for rng in self._generators)),
            {**own, **memory},
        )

    def _restore(self, run: Checkpoint) -> None:
        self.params[...] = run.vectors["params"]
        self._shown[...] = self._good[...] = run.vectors["shown"]
        self._best[...] = run.vectors["best"]
        for i, row in enumerate(self._step.memory):
            row[...] = run.vectors[f"memory{i}"]
        self._pending[...] = run.vectors["pending"]
        self._step.steps = run.position.steps
        self._at = replace(run.position)
        self.history = list(run.history)
        for rng, state in zip((self._shuffle, *self._generators), run.generators, strict=True):
            set_generator(rng, state)

    def run(self) -> Generator[Event, None, None]:
        """Train and yield what happens, `Finished` last."""
        reason = self._early()
        try:
            while reason is None and self._at.epoch <= self._config.epochs:
                reason = yield from self._epoch()
            if not np.isfinite(self._shown).all():  # by the very last step, whose loss nobody saw
                self._shown[...] = self._good
                reason = Reason.DIVERGED
                yield Diverged(self._config.epochs, self._step.steps, math.nan)
        finally:
            self._replicas.close()
        yield Finished(reason or Reason.COMPLETED, self.model())

    def _epoch(self) -> Generator[Event, None, Reason | None]:
        at, size = self._at, self._config.batch_size
        self._order_state = self._shuffle.bit_generator.state
        order = self._train[self._shuffle.permutation(len(self._train))]
        with threadpool_limits(1, "blas"):
            while at.index < self.steps_per_epoch:
                if self._stop.is_set():
                    return Reason.STOPPED
                event = self._batch(order[at.index * size : (at.index + 1) * size])
                yield event
                if isinstance(event, Diverged):
                    return Reason.DIVERGED
            done = self._finish_epoch()
        ended = self._after(done)
        yield done
        return ended

    def _batch(self, indices: NDArray[np.intp]) -> Event:
        at, config, size = self._at, self._config, len(indices)
        total = self.steps_per_epoch * config.epochs
        step = (at.epoch - 1) * self.steps_per_epoch + at.index
        with self._clock:
            result = self._replicas.step(self._work, indices)
            mean = result.loss / size
            if not math.isfinite(mean) or mean > EXPLODED:
                self._shown[...] = self._good
                return Diverged(at.epoch, step + 1, mean)
            if step % GOOD_EVERY == 0:
                self._good[...] = self._shown
            rate = config.learning_rate * self._schedule(step / total)
            self._learn(step, rate)
        self._clock.count(size)
        at.index += 1
        at.loss += result.loss
        at.correct += result.correct
        left = (total - step - 1) * self._clock.seconds_per_step
        speed = self._clock.images_per_second
        return BatchDone(at.epoch, step + 1, total, mean, result.correct / size, rate, speed, left)

    def _learn(self, step: int, rate: float) -> None:
        if self._state.start < self._state.stop:
            state = self.params[self._state]
            state += np.float32(1 - STATISTIC_MEMORY) * (self._replicas.grad[self._state] - state)
        batches = self._config.accumulate
        if batches > 1:
            np.multiply(self._gradient, np.float32(1 / batches), out=self._gradient)
            np.add(self._pending, self._gradient, out=self._pending)
            if (step + 1) % batches:
                return
            np.copyto(self._gradient, self._pending)
            self._pending[...] = 0
        self._update(rate)
        self._average(self._step.steps)

    def _update(self, rate: float) -> None:
        if self._config.clip_norm:
            length = math.sqrt(float(np.vdot(self._gradient, self._gradient)))
            if length > self._config.clip_norm:
                np.multiply(self._gradient, np.float32(self._config.clip_norm / length), out=self._gradient)
        self._step(rate)

    def _average(self, steps: int) -> None:
        """Blend the parameters into their average, which forgets faster at first so that the start fades."""
        if not self._config.averaging:
            return
        memory = min(self._config.averaging, steps / (9 + steps))
        np.subtract(self.params, self._shown, out=self._change)
        np.multiply(self._change, np.float32(1 - memory), out=self._change)
        np.add(self._shown, self._change, out=self._shown)

    def _finish_epoch(self) -> EpochDone:
        at = self._at
        checked = Evaluation(math.nan, math.nan, np.empty(0, np.int64))
        if len(self._validation):
            checked = self._evaluator.run(self._shown, self._work, self._validation)
        seen = self.steps_per_epoch * self._config.batch_size
        done = EpochDone(
            at.epoch,
            self._config.epochs,
            at.loss / seen,
            at.correct / seen,
            checked.loss,
            checked.accuracy,
            self._clock.images_per_second,
        )
        self.history.append(done)
        self._at = replace(at, epoch=at.epoch + 1, index=0, loss=0.0, correct=0.0)
        self._order_state = self._shuffle.bit_generator.state
        return done

    def _after(self, done: EpochDone) -> Reason | None:
        """Keep the best parameters where the run may stop early; they are what it ends with."""
        at, patience = self._at, self._config.patience
        if not patience or math.isnan(done.validation_loss):
            return None
        at.since += 1
        if done.validation_loss < at.best:
            at.best, at.since = done.validation_loss, 0
            self._best[...] = self._shown
        if self._early() or at.epoch > self._config.epochs:
            self._shown[...] = self._best
        return self._early()

    def _early(self) -> Reason | None:
        return Reason.EARLY if 0 < self._config.patience <= self._at.since else None


class _Clock:
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


def _split(
    data: Dataset, fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    if fraction == 0:
        return np.arange(len(data)), np.empty(0, np.intp)
    return stratified_split(data.labels, fraction, rng)


def _work(data: Dataset, drawn: float) -> Work:
    return DrawnWork(data.images, data.labels, drawn) if drawn else Work(data.images, data.labels)

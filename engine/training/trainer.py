"""Training as a generator of events.

`Trainer.run` yields a frozen event after each batch and each epoch. Whoever consumes it decides what
happens: not asking for the next event pauses the run, `stop` ends it after the current batch, and
`snapshot` between two events gives a copy of the parameters to show. The trainer knows neither threads of
a window nor progress bars.

Everything that changes during a run belongs to one of its parts (`engine.training.parts`). `checkpoint` asks
each part for its state between two events. A run that is resumed from it gives the same bits.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Self

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
from engine.training.config import TrainConfig
from engine.training.data_parallel import Objective, Replicas, StepResult
from engine.training.evaluate import Evaluation, Evaluator
from engine.training.events import BatchDone, Diverged, EpochDone, Event, Finished, Reason
from engine.training.images import DrawnImages, LabelledImages
from engine.training.parts import (
    AveragedParameters,
    Clock,
    EarlyStopping,
    EpochOrder,
    GradientStep,
    LastGood,
    Part,
    Place,
    RunningStatistics,
)
from engine.training.schedules import SCHEDULES, Schedule
from engine.training.start_check import check_run
from engine.training.terms import Terms

__all__ = ["EXPLODED", "Division", "Trainer", "divided"]

EXPLODED = 1e6  # a mean loss above this is divergence even while it is still finite
JUDGED = 2_000  # training images that the parameters to go back to are compared on if none are for validation


class Learner(Part):
    """The parameters of a run, and what changes them after each batch.

    Parameters
    ----------
    model : Model
        Where to start; its parameters are copied.
    config : TrainConfig
    rngs : sequence of numpy.random.Generator
        One for each thread.
    rounding : Rounding or None
        How int8 rounds, for fake quantization.

    Attributes
    ----------
    params : ndarray of float32, shape (n,)
        The parameters that are trained.
    step : GradientStep
        The optimizer, a part of its own that saves itself.
    """

    def __init__(
        self,
        model: Model,
        config: TrainConfig,
        rngs: Sequence[np.random.Generator],
        rounding: Rounding | None,
    ) -> None:
        self.params = params = model.params.copy()
        objective = Objective(LOSSES[config.loss], config.smoothing, config.mixup)
        self._replicas = Replicas(
            model.spec, params, config.batch_size, objective, config.augmentation, rngs, rounding
        )
        layout, grad = self._replicas.layout, self._replicas.grad
        trained = layout.trainable
        self._rngs = rngs
        self._statistics = RunningStatistics(params[layout.state], grad[layout.state])
        self.step = GradientStep(params[trained], grad[trained], layout.decayed, config)
        self._average = AveragedParameters(params, config.averaging)

    @property
    def shown(self) -> NDArray[np.float32]:
        """The parameters to show, (n,); read only."""
        return self._average.shown

    @property
    def vectors(self) -> Mapping[str, NDArray[np.float32]]:
        return {"params": self.params, **self._average.vectors}

    @property
    def generators(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(rng.bit_generator.state for rng in self._rngs)

    def restore(self, run: Checkpoint) -> None:
        super().restore(run)
        for rng, state in zip(self._rngs, run.generators[1:], strict=True):
            set_generator(rng, state)

    def gradient(self, labelled: LabelledImages, indices: NDArray[np.intp]) -> StepResult:
        """Compute the gradient for the images at `indices`."""
        return self._replicas.step(labelled, indices)

    def learn(self, batch: int, rate: float) -> None:
        """Change the parameters by the gradient of batch number `batch`, counted from 0."""
        self._statistics.update()
        if self.step.take(batch, rate):
            self._average.blend(self.step.steps)

    def close(self) -> None:
        """End the threads."""
        self._replicas.close()


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
        Number of threads; None takes the one of the configuration.
    schedule : callable or None
        Factor of the learning rate for progress 0 … 1; None takes the schedule of the configuration.
    rounding : Rounding or None
        How int8 rounds, for fake quantization; None to train in float alone.

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
        check_run(model, data, config)
        self._model = model
        self._data = data
        self._config = config
        self._threads = threads or config.actual_threads
        self._schedule = schedule or SCHEDULES[config.schedule]
        division = divided(data, config, self._threads)
        self._validation = division.validation
        self._labelled = _labelled_images(data, config.drawings)
        self._evaluator = Evaluator(model.spec, LOSSES[config.loss], self._threads, rounding)
        self._learner = Learner(model, config, division.rngs, rounding)
        self._last_good = LastGood(self._learner.shown)
        self._early = EarlyStopping(config.patience, self._learner.shown)
        self._place = Place()
        self._order = EpochOrder(division.training, division.shuffle)
        self._clock = Clock()
        self._stop = threading.Event()
        self._is_unchanged = False  # a run that diverged may end with the model that it began with
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
        if run.terms is not None:
            run.terms.check_data(trainer.terms, data.name)
        trainer._restore(run)
        return trainer

    @property
    def threads(self) -> int:
        """The number of threads; another number gives other bits."""
        return self._threads

    @property
    def record(self) -> TrainingRecord:
        """The record of the run, as far as it is known before the run ends."""
        return TrainingRecord(data=self._data.name, config=self._config.to_json(), threads=self._threads)

    @property
    def steps_per_epoch(self) -> int:
        """Number of whole batches. The images left over are others in each epoch."""
        return len(self._order.images) // self._config.batch_size

    def stop(self) -> None:
        """End the run after the current batch; may be called from any thread."""
        self._stop.set()

    def snapshot(self) -> NDArray[np.float32]:
        """Return a copy of the parameters, (n,).

        Call it between two events, on the thread that iterates over `run`.
        """
        return self._learner.shown.copy()

    def model(self) -> Model:
        """Return the model as it is now, with the record of the run; see `snapshot` for when to call it."""
        record = replace(self.record, history=tuple(self.history))
        return self._model.replace(params=self.snapshot(), record=record)

    def checkpoint(self) -> Checkpoint:
        """Return what is needed to resume the run later; see `snapshot` for when to call it."""
        numbers = {name: number for part in self._parts for name, number in part.numbers.items()}
        return Checkpoint(
            self._config,
            self._threads,
            self._data.name,
            len(self._data),
            Position(**numbers),
            tuple(self.history),
            tuple(state for part in self._parts for state in part.generators),
            {name: vector.copy() for part in self._parts for name, vector in part.vectors.items()},
            self.terms,
        )

    @functools.cached_property
    def terms(self) -> Terms:
        """What the run needs besides its settings to give the same bits; the data are hashed only once."""
        return Terms.of(self._data)

    @property
    def _parts(self) -> tuple[Part, ...]:
        """Everything that changes during a run, in the order of a checkpoint."""
        learner = self._learner
        return (self._order, learner, self._last_good, self._early, learner.step, self._place)

    def _restore(self, run: Checkpoint) -> None:
        for part in self._parts:
            part.restore(run)
        self.history = list(run.history)

    def run(self) -> Generator[Event, None, None]:
        """Train and yield what happens, `Finished` last."""
        reason = self._early.reason
        try:
            while reason is None and self._place.epoch <= self._config.epochs:
                reason = yield from self._epoch()
            if not np.isfinite(self._learner.shown).all():  # the loss after the last step is not known
                reason = Reason.DIVERGED
                yield self._diverged(self._config.epochs, self._learner.step.steps, math.nan)
        finally:
            self._learner.close()
        yield Finished(reason or Reason.COMPLETED, self._model if self._is_unchanged else self.model())

    def _epoch(self) -> Generator[Event, None, Reason | None]:
        place, size = self._place, self._config.batch_size
        order = self._order.shuffled()
        with threadpool_limits(1, "blas"):
            while place.index < self.steps_per_epoch:
                if self._stop.is_set():
                    return Reason.STOPPED
                event = self._batch(order[place.index * size : (place.index + 1) * size])
                yield event
                if isinstance(event, Diverged):
                    return Reason.DIVERGED
            done = self._finish_epoch()
        ended = self._early.judge(done.validation_loss, done.epoch == done.epochs)
        yield done
        return ended

    def _batch(self, indices: NDArray[np.intp]) -> Event:
        place, config, clock, size = self._place, self._config, self._clock, len(indices)
        total = self.steps_per_epoch * config.epochs
        step = (place.epoch - 1) * self.steps_per_epoch + place.index
        with clock:
            result = self._learner.gradient(self._labelled, indices)
            mean = result.loss / size
            if not math.isfinite(mean) or mean > EXPLODED:
                return self._diverged(place.epoch, step + 1, mean)
            rate = config.learning_rate * self._schedule(step / total)
            self._learner.learn(step, rate)
        clock.count(size)
        place.count(result)
        left = (total - step - 1) * clock.seconds_per_step
        accuracy, speed = result.correct / size, clock.images_per_second
        return BatchDone(place.epoch, step + 1, total, mean, accuracy, rate, speed, left)

    def _finish_epoch(self) -> EpochDone:
        place, checked = self._place, self._validated()
        seen = self.steps_per_epoch * self._config.batch_size
        done = EpochDone(
            place.epoch,
            self._config.epochs,
            place.loss / seen,
            place.correct / seen,
            checked.loss,
            checked.accuracy,
            self._clock.images_per_second,
        )
        self.history.append(done)
        self._last_good.judge(place.epoch, done.train_loss if math.isnan(checked.loss) else checked.loss)
        place.next_epoch()
        self._order.remember()
        return done

    def _diverged(self, epoch: int, step: int, loss: float) -> Diverged:
        """Go back to the parameters of the start or those after the best epoch, whichever are better."""
        good, start = self._last_good, self._judged(self._last_good.start)
        best = self._judged(good.best) if good.epoch else start
        kept, found = (good.epoch, best) if best.loss < start.loss else (0, start)
        good.bring_back(kept)
        self._is_unchanged = not kept and np.array_equal(good.start, self._model.params)
        judged_on = "validation" if len(self._validation) else "training"
        return Diverged(epoch, step, loss, kept, found.accuracy, judged_on)

    def _judged(self, params: NDArray[np.float32]) -> Evaluation:
        images = self._validation if len(self._validation) else np.sort(self._order.images)[:JUDGED]
        return self._evaluator.run(params, self._labelled, images)

    def _validated(self) -> Evaluation:
        if not len(self._validation):
            return Evaluation(math.nan, math.nan, np.empty(0, np.int64))
        return self._evaluator.run(self._learner.shown, self._labelled, self._validation)


class Division(NamedTuple):
    """What a run draws from its seed before it begins: which images it learns from, and its generators.

    Attributes
    ----------
    training, validation : ndarray of intp
        Indices of images.
    shuffle : numpy.random.Generator
        For the order of the images.
    rngs : sequence of numpy.random.Generator
        One for each thread.
    """

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    shuffle: np.random.Generator
    rngs: Sequence[np.random.Generator]


def divided(data: Dataset, config: TrainConfig, threads: int = 1) -> Division:
    """Return the division of `data` that the seed of `config` gives; it is the same for all `threads`."""
    split, shuffle, *rngs = map(np.random.default_rng, np.random.SeedSequence(config.seed).spawn(2 + threads))
    if config.validation == 0:
        return Division(np.arange(len(data)), np.empty(0, np.intp), shuffle, rngs)
    return Division(*stratified_split(data.labels, config.validation, split), shuffle, rngs)


def _labelled_images(data: Dataset, drawn: float) -> LabelledImages:
    return DrawnImages(data.images, data.labels, drawn) if drawn else LabelledImages(data.images, data.labels)

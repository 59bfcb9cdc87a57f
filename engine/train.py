"""Training as a generator of events.

`Trainer.run` yields a frozen event after each batch and each epoch. Whoever consumes it decides what
happens: not asking for the next event pauses the run, `stop` ends it after the current batch, and
`snapshot` between two events gives a copy of the parameters to show. The trainer knows neither threads of
a window nor progress bars.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.config import TrainConfig, default_threads
from engine.data.dataset import Dataset
from engine.data.splits import stratified_split
from engine.errors import TrainingError
from engine.evaluate import Evaluation, Evaluator
from engine.events import BatchDone, Diverged, EpochDone, Event, Finished, Reason
from engine.losses import LOSSES
from engine.model import Model
from engine.optimizers import OPTIMIZERS, Settings
from engine.preprocess import SIDE
from engine.replicas import Replicas, StepResult, Target
from engine.schedules import SCHEDULES
from engine.specs import describe_shape
from engine.work import DrawnWork, Work

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

    Raises
    ------
    TrainingError
        When model, data and configuration do not go together.
    """

    def __init__(self, model: Model, data: Dataset, config: TrainConfig) -> None:
        self._model = model
        self._config = config
        self._data_name = data.name
        split, self._shuffle, *rngs = (
            np.random.default_rng(s)
            for s in np.random.SeedSequence(config.seed).spawn(2 + config.actual_threads)
        )
        self._train, self._validation = _split(data, config.validation, split)
        _check(model, data, config, len(self._train))
        self._work = _work(data, config.drawings)
        self.params = model.params.copy()
        loss = LOSSES[config.loss]
        self._replicas = Replicas(
            model.spec,
            self.params,
            config.batch_size,
            Target(loss, config.smoothing),
            config.augmentation,
            rngs,
        )
        self._evaluator = Evaluator(model.spec, loss, config.actual_threads)
        layout = self._replicas.layout
        self._state = layout.state
        trainable = layout.trainable
        self._gradient = self._replicas.grad[trainable]
        settings = Settings(config.momentum, config.nesterov, config.weight_decay, layout.decayed)
        self._step = OPTIMIZERS[config.optimizer].bind(self.params[trainable], self._gradient, settings)
        self._change = np.empty_like(self.params)
        self._stop = threading.Event()
        self._shown = self.params.copy() if config.averaging else self.params
        self._good = self.params.copy()
        self._best = (math.inf, self.params.copy(), 0)
        self._clock = _Clock()
        self.history: list[EpochDone] = []

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

    def run(self) -> Generator[Event, None, None]:
        """Train and yield what happens, `Finished` last."""
        reason = Reason.COMPLETED
        try:
            for epoch in range(1, self._config.epochs + 1):
                ended = yield from self._epoch(epoch)
                if ended is not None:
                    reason = ended
                    break
        finally:
            self._replicas.close()
        yield Finished(reason, self._result())

    def _epoch(self, epoch: int) -> Generator[Event, None, Reason | None]:
        config, size = self._config, self._config.batch_size
        order = self._train[self._shuffle.permutation(len(self._train))]
        loss = correct = 0.0
        with threadpool_limits(1, "blas"):
            for index in range(self.steps_per_epoch):
                if self._stop.is_set():
                    return Reason.STOPPED
                step = (epoch - 1) * self.steps_per_epoch + index
                event, result = self._batch(epoch, step, order[index * size : (index + 1) * size])
                yield event
                if isinstance(event, Diverged):
                    return Reason.DIVERGED
                loss += result.loss
                correct += result.correct
            seen = self.steps_per_epoch * size
            done = self._finish_epoch(epoch, loss / seen, correct / seen)
        yield done
        return self._after(done, config.patience)

    def _batch(self, epoch: int, step: int, indices: NDArray[np.intp]) -> tuple[Event, StepResult]:
        config, size = self._config, len(indices)
        total = self.steps_per_epoch * config.epochs
        with self._clock:
            result = self._replicas.step(self._work, indices)
            mean = result.loss / size
            if not math.isfinite(mean) or mean > EXPLODED:
                self._shown[...] = self._good
                return Diverged(epoch, step + 1, mean), result
            if step % GOOD_EVERY == 0:
                self._good[...] = self._shown
            rate = config.learning_rate * SCHEDULES[config.schedule](step / total)
            self._update(rate)
            self._average(step)
        self._clock.count(size)
        left = (total - step - 1) * self._clock.seconds_per_step
        done = BatchDone(
            epoch, step + 1, total, mean, result.correct / size, rate, self._clock.images_per_second, left
        )
        return done, result

    def _update(self, rate: float) -> None:
        if self._config.clip_norm:
            length = math.sqrt(float(np.vdot(self._gradient, self._gradient)))
            if length > self._config.clip_norm:
                np.multiply(self._gradient, np.float32(self._config.clip_norm / length), out=self._gradient)
        self._step(rate)
        state = self.params[self._state]
        state += np.float32(1 - STATISTIC_MEMORY) * (self._replicas.grad[self._state] - state)

    def _average(self, step: int) -> None:
        """Blend the parameters into their average, which forgets faster at first so that the start fades."""
        if not self._config.averaging:
            return
        memory = min(self._config.averaging, (1 + step) / (10 + step))
        np.subtract(self.params, self._shown, out=self._change)
        np.multiply(self._change, np.float32(1 - memory), out=self._change)
        np.add(self._shown, self._change, out=self._shown)

    def _finish_epoch(self, epoch: int, loss: float, accuracy: float) -> EpochDone:
        checked = Evaluation(math.nan, math.nan, np.empty(0, np.int64))
        if len(self._validation):
            checked = self._evaluator.run(self._shown, self._work, self._validation)
        done = EpochDone(
            epoch,
            self._config.epochs,
            loss,
            accuracy,
            checked.loss,
            checked.accuracy,
            self._clock.images_per_second,
        )
        self.history.append(done)
        return done

    def _after(self, done: EpochDone, patience: int) -> Reason | None:
        if not patience or math.isnan(done.validation_loss):
            return None
        best, params, since = self._best
        if done.validation_loss < best:
            params[...] = self._shown
            self._best = (done.validation_loss, params, 0)
            return None
        self._best = (best, params, since + 1)
        if since + 1 < patience:
            return None
        self._shown[...] = params
        return Reason.EARLY

    def _result(self) -> Model:
        record = {
            "data": self._data_name,
            "config": self._config.to_json(),
            "threads": self._config.actual_threads,
            "history": [asdict(done) for done in self.history],
        }
        return self._model.replace(params=self.snapshot(), record=record)


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


def _check(model: Model, data: Dataset, config: TrainConfig, training: int) -> None:
    if data.images.shape[1:] != model.spec.input_shape:
        raise TrainingError(
            f"The images of {data.name} are {describe_shape(data.images.shape[1:])} but the network reads "
            f"{describe_shape(model.spec.input_shape)}; choose another data set or change the input."
        )
    if data.classes != model.classes:
        raise TrainingError(
            f"{data.name} has {len(data.classes)} classes and the model {len(model.classes)} "
            f"({_some(data.classes)} against {_some(model.classes)}); start a new model for this data set."
        )
    if config.drawings and data.images.shape[1:] != (SIDE, SIDE, 1):
        raise TrainingError(
            f"Drawings are {SIDE}×{SIDE} but the images of {data.name} are "
            f"{describe_shape(data.images.shape[1:])}; set the share of drawings to 0."
        )
    if config.batch_size > training:
        raise TrainingError(
            f"A batch of {config.batch_size} is larger than the {training} training images; make it smaller."
        )


def _some(classes: tuple[str, ...]) -> str:
    return " ".join(classes[:6]) + (" …" if len(classes) > 6 else "")

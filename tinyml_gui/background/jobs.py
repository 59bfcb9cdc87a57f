"""Background work, as generators that know no threads: load, train, evaluate, write copies.

Each yields what there is to show and returns its result. A generator owns the arrays that it computes with;
the window's thread only gets copies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.data import Catalogue, Dataset
from engine.errors import TinyMLError
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.record import Metrics, StartingPoint, TrainingRecord
from engine.training.checkpoint import Checkpoint, KeepInterval
from engine.training.config import TrainConfig, default_threads
from engine.training.evaluate import Evaluator
from engine.training.events import EpochDone, Event, Finished, Reason
from engine.training.images import LabelledImages
from engine.training.rate_finder import RatePoint, range_test
from engine.training.start_check import data_notes
from engine.training.trainer import Trainer
from tinyml_gui.viewmodels.starts import pretrained_on

__all__ = [
    "JobProgress",
    "KeptAgain",
    "NotKept",
    "Noted",
    "Parameters",
    "Score",
    "TrainOrder",
    "Trained",
    "evaluate",
    "find_rate",
    "forget",
    "keep",
    "load",
    "measured",
    "train",
]

_PUBLISH_SECONDS: Final = 0.2
_CHUNK: Final = 512  # images between two reports of an evaluation


@dataclass(frozen=True)
class Parameters:
    """A copy of the parameters while they are being trained, with the record of the training so far."""

    params: NDArray[np.float32]
    record: TrainingRecord


@dataclass(frozen=True)
class JobProgress:
    """How much of a job is done, and how much there is."""

    done: int
    total: int


@dataclass(frozen=True)
class Score:
    """A model's result on images it was not trained with."""

    loss: float
    accuracy: float
    images: int

    def metrics(self, data: str) -> Metrics:
        """Return the score as a model's record keeps it."""
        return Metrics(data=data, images=self.images, accuracy=self.accuracy, loss=self.loss)


def keep(path: Path, model: Model, run: Checkpoint | None = None) -> Generator[Any, None, None]:
    """Write a copy of `model`, and of the run that trains it, as a whole file or not at all."""
    from engine.storage import model_file

    yield from ()
    model_file.save(model, path, run)


def forget(path: Path) -> Generator[Any, None, None]:
    """Remove a copy."""
    yield from ()
    with suppress(OSError):
        path.unlink(missing_ok=True)


def load(catalogue: Catalogue, name: str, part: str) -> Generator[Any, None, Dataset]:
    """Read a part of a data set."""
    yield from ()
    return catalogue.load(name, part)


@dataclass(frozen=True)
class TrainOrder:
    """What to train, on which data and how; `run` is a run to resume, `keep` the file that it is kept in.

    The data of a run that begins are compared with their test part, which is read from `catalogue`. The run
    is noted in the history in the folder `runs`, if there is one.
    """

    model: Model
    data: Dataset
    config: TrainConfig
    run: Checkpoint | None = None
    keep: Path | None = None
    catalogue: Catalogue | None = None
    runs: Path | None = None

    def trainer(self) -> Trainer:
        """Return a trainer for this order."""
        if self.run is None:
            return Trainer(self.model, self.data, self.config)
        return Trainer.resumed(self.model, self.data, self.run)

    def data_notes(self) -> list[str]:
        """Return what looks wrong with the data of a run that begins."""
        from engine.storage.shipped import reader_of

        if self.catalogue is None or self.run is not None:
            return []
        test = None
        with suppress(TinyMLError):  # there may be no test part
            test = self.catalogue.load(self.data.name, "test")
        return data_notes(self.data, test, reader_of(self.data))


@dataclass(frozen=True)
class Noted:
    """What looks wrong with the data; training continues."""

    sentence: str


@dataclass(frozen=True)
class Trained:
    """How training ended; `run` is what a stopped run needs to be resumed, else None.

    `key` is the run's name in the history; it is empty where the run could not be noted.
    """

    finished: Finished
    run: Checkpoint | None
    key: str = ""


@dataclass(frozen=True)
class NotKept:
    """The run could not be written to disk; training continues, and so do the attempts."""

    reason: str


@dataclass(frozen=True)
class KeptAgain:
    """The run was written to disk after it could not be."""


def train(
    order: TrainOrder, stopping: threading.Event
) -> Generator[Event | Parameters | Noted | NotKept | KeptAgain, None, Trained]:
    """Train a copy of a model; yields the trainer's events and now and then the parameters."""
    trainer = order.trainer()
    if notes := order.data_notes():
        yield Noted(" ".join(notes))
    keeper = _Keeper(trainer, order.keep)
    record = trainer.record
    began = published_at = time.monotonic()
    finished = None
    with closing(trainer.run()) as events:
        for event in events:
            if stopping.is_set():
                trainer.stop()
            yield event
            yield from keeper.after(event)
            if time.monotonic() - published_at >= _PUBLISH_SECONDS:
                published_at = time.monotonic()
                yield Parameters(trainer.snapshot(), record)
            finished = event
    assert isinstance(finished, Finished)
    model = _recorded(order, trainer, finished.reason)
    key = yield from _note_down(model, order, time.monotonic() - began)
    if finished.model is not order.model:  # which a run that diverged may leave unchanged
        finished = Finished(finished.reason, model)
    return Trained(finished, trainer.checkpoint() if finished.reason is Reason.STOPPED else None, key)


def _recorded(order: TrainOrder, trainer: Trainer, reason: Reason) -> Model:
    """Return the model of a run that has ended, with a record of all that it learned from, and how."""
    model = trainer.model()
    record = replace(
        model.record,
        start=_start(order),
        reason=reason.value,
        pretrained_on=pretrained_on(order.model, order.data.name) or None,
        terms=trainer.terms.to_json(),
    )
    return model.replace(record=record)


def _start(order: TrainOrder) -> StartingPoint | None:
    """Return the trained model that a run began with; a resumed one began where its record says."""
    model = order.model
    if order.run is not None:
        return model.record.start
    return StartingPoint(fingerprint=model.fingerprint) if model.trained else None


def _note_down(model: Model, order: TrainOrder, seconds: float) -> Generator[Noted, None, str]:
    """Add the run to the history and return its name there; if it cannot be written, say so."""
    from engine.runs.history import History
    from engine.runs.run import Run

    if order.runs is None:
        return ""
    run = Run.of(model, seconds, "window", datetime.now(UTC))
    try:
        History(order.runs).add(run, model)
    except TinyMLError as error:
        yield Noted(f"The run is not in the history. {error}")
        return ""
    return run.key


def measured(folder: Path, key: str, metrics: Metrics) -> Generator[Any, None, None]:
    """Add to a run of the history what its model achieves on test images."""
    from engine.runs.history import History

    yield from ()
    History(folder).measured(key, metrics)


class _Keeper:
    """Writes a run after epochs and when it is stopped, rarely enough to take almost no time."""

    def __init__(self, trainer: Trainer, path: Path | None) -> None:
        self._trainer = trainer
        self._path = path
        self._interval = KeepInterval()
        self._has_failed = False

    def after(self, event: Event) -> Generator[NotKept | KeptAgain, None, None]:
        """Write or remove the file, as `event` requires."""
        stopped = isinstance(event, Finished) and event.reason is Reason.STOPPED
        due = (
            isinstance(event, EpochDone)
            and event.epoch < event.epochs
            and self._interval.due(time.monotonic())
        )
        if self._path is None:
            return
        if stopped or due:
            yield from self._write(self._path)
        elif isinstance(event, Finished):
            yield from forget(self._path)

    def _write(self, path: Path) -> Generator[NotKept | KeptAgain, None, None]:
        """Write the file; tell the first of several failures in a row, and the end of them."""
        began = time.monotonic()
        failed, reason = self._has_failed, ""
        try:
            yield from keep(path, self._trainer.model(), self._trainer.checkpoint())
        except TinyMLError as error:
            reason = str(error)
        self._has_failed = bool(reason)
        self._interval.kept(began, time.monotonic())
        if self._has_failed and not failed:
            yield NotKept(reason)
        elif failed and not self._has_failed:
            yield KeptAgain()


def find_rate(model: Model, data: Dataset, config: TrainConfig) -> Generator[RatePoint, None, None]:
    """Try learning rates; `model` stays as it is."""
    with closing(range_test(model, data, config)) as points:
        yield from points


def evaluate(catalogue: Catalogue, name: str, model: Model, loss: str) -> Generator[JobProgress, None, Score]:
    """Measure `model` on the test part of a data set."""
    data = catalogue.load(name, "test")
    evaluator = Evaluator(model.spec, LOSSES[loss], default_threads())
    labelled = LabelledImages(data.images, data.labels)
    total, lost, correct = len(data), 0.0, 0.0
    for start in range(0, total, _CHUNK):
        part = np.arange(start, min(start + _CHUNK, total))
        result = evaluator.run(model.params, labelled, part)
        lost += result.loss * len(part)
        correct += result.accuracy * len(part)
        yield JobProgress(int(part[-1]) + 1, total)
    return Score(lost / total, correct / total, total)

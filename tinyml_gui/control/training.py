"""What the Train page asks for: choose data, start, pause, resume and stop a run, then test the model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from engine.data import Catalogue, Dataset
from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.training.checkpoint import Checkpoint
from engine.training.config import TrainConfig
from engine.training.events import Finished
from engine.training.start_check import check_run, misfit, run_notes
from engine.training.terms import resuming_note
from tinyml_gui.background import jobs
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.control.downloads import DownloadController
from tinyml_gui.control.rate_finder import RateController
from tinyml_gui.document.edits import adapted_spec
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.starts import CONTINUE, FRESH, data_title
from tinyml_gui.viewmodels.training import Interrupted, Phase, Run, ending_words

__all__ = ["CONTINUE", "FRESH", "TrainingController"]


class TrainingController(QObject):
    """Owns the data set and the run.

    Parameters
    ----------
    state : State
    tasks : Worker
        For loading and testing, so that they do not wait for a run.
    catalogue : Catalogue

    Signals
    -------
    changed()
        The run's status or curves changed; at most 30 times a second.
    data_changed()
        Another data set is being loaded, or was, or could not be.
    failed_to_keep(str)
        Why a run cannot be written to disk; after a crash it could not be resumed.
    keeps_again()
        It was written after all.
    noted(str)
        A note about a run that begins.
    told(str)
        How a run ended.
    params_published()
        The state's model holds newer parameters of the same network.
    """

    changed = Signal()
    data_changed = Signal()
    params_published = Signal()
    failed_to_keep = Signal(str)
    keeps_again = Signal()
    noted = Signal(str)
    told = Signal(str)

    def __init__(self, state: State, tasks: Worker, catalogue: Catalogue, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._tasks = tasks
        self._worker = Worker("train", self)
        self.rates = RateController(self._worker, self)
        self.downloads = DownloadController(catalogue, self)
        self._job: Job | None = None
        self._loading: Job | None = None
        self._testing: Job | None = None
        self._started_with: ModelSpec | None = None
        self.catalogue = catalogue
        self.run = Run()
        self.data: Dataset | None = None
        self.data_name = ""
        self.data_error = ""
        self.keep_path: Path | None = None
        self.runs: Path | None = None  # the folder of the history
        self.interrupted: Interrupted | None = None
        self._waiting: Interrupted | None = None
        self._held = ""

    # Data

    @property
    def loading(self) -> bool:
        """Whether the chosen data set is still being read."""
        return self._loading is not None

    def choose_data(self, name: str) -> None:
        """Read the training part of a data set, by catalogue name or folder."""
        if name == self.data_name and (self.data or self.loading):
            return
        if self._loading is not None:
            self._loading.drop()
        self.data_name, self.data, self.data_error = name, None, ""
        make = _without_stop(functools.partial(jobs.load, self.catalogue, name, "train"))
        self._loading = self._tasks.submit(Job(make, self._loaded))
        self.data_changed.emit()

    def _loaded(self, outcome: JobOutcome) -> None:
        self._loading = None
        self.data = outcome.result
        if self.data is None:
            self.data_error = str(outcome.error or "The data set could not be read; choose another.")
        self.data_changed.emit()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting is self.interrupted and self.data is not None and not self._held:
            self._resume(waiting, self.data)

    # Running

    @property
    def is_running(self) -> bool:
        """Whether a run holds the model; it must not be edited then."""
        return self._job is not None

    @property
    def is_testing(self) -> bool:
        """Whether the trained model is being tested."""
        return self._testing is not None

    def hold(self, reason: str) -> None:
        """Let no run begin, because of `reason`, a sentence; with an empty one they may again."""
        if reason != self._held:
            self._held = reason
            self.changed.emit()

    def obstacle(self, start: str) -> str:
        """Return why training cannot start from `start`; empty where it can."""
        if self._held:
            return self._held
        if self._state.document.fault is not None and start not in PRESETS:
            return f"{self._state.document.fault} Fix it on the Model page first."
        if self.data is None:
            return self.data_error or "The data set is being read."
        return "" if start in PRESETS else misfit(self._state.model, self.data, data_title(self.data.name))

    @property
    def can_adapt(self) -> bool:
        """Whether the network only needs other outputs to fit the data."""
        data, document = self.data, self._state.document
        if data is None or document.fault is not None or data.image_shape != document.spec.input_shape:
            return False
        if data.classes == document.model.classes:
            return False
        return adapted_spec(document.spec, len(data.classes)) is not None

    def start(self, start: str, config: TrainConfig) -> None:
        """Train; `start` is `CONTINUE`, `FRESH` or the name of a preset."""
        if self._job is not None or self.data is None or self._held:
            return
        self.run.start(config, len(self.data.classes))
        self.rates.cancel()
        self._started_with = self._state.document.spec
        try:
            model = self._candidate(start, self.data, config)
            check_run(model, self.data, config)
        except TinyMLError as error:
            self.run.fail(str(error))
            self.changed.emit()
            return
        self._started_with = model.spec
        if start in PRESETS:
            self._state.begin(model)
        elif start != CONTINUE:
            self._state.replace_model(model)
        self.interrupted = None
        if notes := run_notes(config, lambda knob: f"“{knob.label}”"):
            self.noted.emit(" ".join(notes))
        order = jobs.TrainOrder(model, self.data, config, keep=self.keep_path, catalogue=self.catalogue)
        self._submit(replace(order, runs=self.runs))

    def _submit(self, order: jobs.TrainOrder) -> None:
        self._cancel_test()
        make = functools.partial(jobs.train, order)
        self._job = Job(make, functools.partial(self._ended, order), self._progressed)
        self._worker.submit(self._job)
        self.changed.emit()

    def find_rate(self, start: str, config: TrainConfig) -> None:
        """Try learning rates on the network that would be trained; the model does not change."""
        if self._job is None and self.data is not None and not self._held:
            try:
                model = self._candidate(start, self.data, config)
            except TinyMLError as error:
                self.rates.refuse(str(error))
                return
            self.rates.find(model, self.data, config)

    @property
    def fault(self) -> str:
        """Why the last run failed; empty where it did not, or where the network has changed since."""
        status = self.run.status
        same = self._state.document.spec == self._started_with
        return f"{status.phase.value}. {status.sentence}" if status.phase.failed and same else ""

    def pause(self) -> None:
        """Pause the run after the current batch."""
        if self._job is not None:
            self._job.pause()
            self.run.pause()
            self.changed.emit()

    def resume(self) -> None:
        """Continue a paused run."""
        if self._job is not None:
            self._job.resume()
            self.run.resume()
            self.changed.emit()

    def stop(self) -> None:
        """End the run after the current batch and keep what was learned."""
        if self._job is not None:
            self._job.stop()
            self.run.stop()
            self.changed.emit()

    def abandon(self) -> None:
        """End the run and drop its result: another model is about to be opened."""
        if self._job is not None:
            self._job.drop()
            self._job = None
        self._cancel_test()
        self.run = Run()
        self.rates.cancel()
        self.changed.emit()

    def shut_down(self) -> None:
        """End the threads."""
        self.downloads.shut_down()
        self._worker.shut_down()

    def _candidate(self, start: str, data: Dataset, config: TrainConfig) -> Model:
        """Return the model that would be trained; its initial parameters follow from the seed."""
        model = self._state.model
        if start == CONTINUE:
            return model
        spec, classes, name = model.spec, model.classes, model.name
        if start in PRESETS:
            spec, classes = PRESETS[start].build(len(data.classes), data.image_shape), data.classes
            name = start
        return Model.new(spec, classes, np.random.default_rng(config.seed), name)

    def _progressed(self, items: list[Any]) -> None:
        # `_ended` takes the last event: once the run counts as finished, its result is in the model
        self.run.consume([item for item in items if not isinstance(item, Finished)])
        for item in items:
            if isinstance(item, jobs.NotKept):
                self.failed_to_keep.emit(f"The run cannot be resumed after a crash: {item.reason}")
            elif isinstance(item, jobs.Noted):
                self.noted.emit(item.sentence)
            elif isinstance(item, jobs.KeptAgain):
                self.keeps_again.emit()
        published = [item for item in items if isinstance(item, jobs.Parameters)]
        if published:
            model, record = self._state.model, published[-1].record
            model = model.replace(params=published[-1].params, record=record)
            self._state.replace_model(model, self._job)
            self.params_published.emit()
        self.changed.emit()

    def _ended(self, order: jobs.TrainOrder, outcome: JobOutcome) -> None:
        job, self._job = self._job, None
        if outcome.error is not None:
            self.run.fail(str(outcome.error))
            if order.run is not None:  # it can still be resumed, with the right data
                self.interrupted = Interrupted(order.model, order.run)
        elif isinstance(outcome.result, jobs.Trained):
            self.run.consume([outcome.result.finished])
            model, run = outcome.result.finished.model, outcome.result.run
            if model is not order.model:  # it may have been renamed meanwhile
                model = model.replace(name=self._state.model.name)
            self.interrupted = None if run is None else Interrupted(model, run)
            self._state.replace_model(model, job)
            self.params_published.emit()
            self._test(model, order.config.loss, job, outcome.result.key)
        elif self.run.status.phase.active:
            self.run.fail("Training ended by a fault of the program; the last parameters shown are kept.")
        self.changed.emit()

    # Resuming an interrupted run

    def offer(self, interrupted: Interrupted) -> None:
        """Let the user go on with a run."""
        self.interrupted = interrupted
        self.changed.emit()

    def run_of(self, model: Model) -> Checkpoint | None:
        """Return the interrupted run that ended with `model`, to be saved with it, or None."""
        offered = self.interrupted
        return offered.run if offered is not None and offered.is_of(model) else None

    def discard_run(self) -> None:
        """Offer the interrupted run no more."""
        self.interrupted = None
        if self.keep_path is not None:
            self._tasks.submit(Job(_without_stop(functools.partial(jobs.forget, self.keep_path)), _ignore))
        self.changed.emit()

    def resume_run(self) -> None:
        """Continue the interrupted run as if nothing had happened; read its data first where needed."""
        offered = self.interrupted
        if offered is None or self._job is not None:
            return
        if self._held:
            self.noted.emit(self._held)
            return
        here = self.data is not None and self.data_name == offered.run.data
        if self.data is not None and (here or offered.suits(self.data)):
            self._resume(offered, self.data)
        else:
            self._waiting = offered
            self.choose_data(offered.run.data)

    def _resume(self, offered: Interrupted, data: Dataset) -> None:
        self.interrupted = None
        self.run.resumed(offered.run, len(data.classes))
        if not offered.is_of(self._state.model):
            self._take_back(offered.model)
        self._started_with = offered.model.spec
        if note := resuming_note(offered.run.terms):
            self.noted.emit(note)
        order = jobs.TrainOrder(offered.model, data, offered.run.config, offered.run, self.keep_path)
        self._submit(replace(order, runs=self.runs))

    def _take_back(self, model: Model) -> None:
        """Take the model of a run; it is a new network unless only the parameters are others."""
        if self._state.model.is_same_network(model):
            self._state.replace_model(model)
        else:
            self._state.begin(model)

    # Testing

    def _test(self, model: Model, loss: str, merge: Job | None, key: str) -> None:
        if self.run.status.phase is not Phase.DONE:
            return
        self.run.testing()
        make = _without_stop(functools.partial(jobs.evaluate, self.catalogue, self.data_name, model, loss))
        self._testing = Job(make, functools.partial(self._tested, model, merge, key))
        self._tasks.submit(self._testing)

    def _tested(self, model: Model, merge: Job | None, key: str, outcome: JobOutcome) -> None:
        self._testing = None
        self.run.tested()
        score = outcome.result
        if isinstance(score, jobs.Score) and key and self.runs is not None:
            note = functools.partial(jobs.measured, self.runs, key, score.metrics(self.data_name))
            self._tasks.submit(Job(_without_stop(note), _ignore))
        if isinstance(score, jobs.Score) and self._state.model is model:
            record = replace(model.record, metrics=score.metrics(self.data_name))
            self._state.replace_model(model.replace(record=record), merge)
            self.told.emit(ending_words(self.run.status, score.accuracy, score.images))
        else:
            self.told.emit(ending_words(self.run.status))
        self.changed.emit()

    def _cancel_test(self) -> None:
        if self._testing is not None:
            self._testing.drop()
            self._testing = None


def _without_stop(make: Callable[[], Any]) -> Callable[[object], Any]:
    return lambda stopping: make()


def _ignore(outcome: JobOutcome) -> None:
    """Nothing follows from it."""

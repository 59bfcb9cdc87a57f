"""Quantizes the current model to int8, measures what that changes, and fine-tunes it on request.

The results belong to one model. When another model takes its place, the work is cancelled.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.nn.model import Model
from tinyml_gui.background import quantize_jobs
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.background.quantize_jobs import Calibrated, Compared, QuantizeOrder, TimeLeft
from tinyml_gui.background.worker import Job, JobOutcome, Steps, Worker
from tinyml_gui.control.training import TrainingController
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.accuracy import Activity, Flips, Tuning, measured

__all__ = ["QuantizationController"]


class QuantizationController(QObject):
    """One piece of work at a time.

    Parameters
    ----------
    state : State
    training : TrainingController
        Has the images that are loaded; nothing begins while it trains.
    annotate : callable
        ``annotate(model)`` takes the same model with new facts about it; this is no change of the document.

    Signals
    -------
    changed()
    told(str)
        How fine-tuning ended.

    Attributes
    ----------
    activity : Activity
    progress : JobProgress
    seconds_left : float
        nan where unknown.
    flips : Flips or None
        None where int8 was not compared with float.
    error : str
    tuning : Tuning or None
        What the fine-tuning has changed that made the current model; None where none did.
    """

    changed = Signal()
    told = Signal(str)

    def __init__(
        self, state: State, training: TrainingController, annotate: Callable[[Model], None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._training = training
        self._annotate = annotate
        self._worker = Worker("int8", self)
        self._job: Job | None = None
        self._about: Model | None = None
        self.activity = Activity.NONE
        self.progress, self.seconds_left = JobProgress(0, 0), math.nan
        self.flips: Flips | None = None
        self.error = ""
        self.tuning: Tuning | None = None
        self._shown: tuple[Model, bool, bool] = self._look()
        state.observe(self._state_changed)
        training.changed.connect(self._refresh)

    @property
    def is_running(self) -> bool:
        """Whether something is under way."""
        return self._job is not None

    @property
    def model(self) -> Model:
        """The current model."""
        return self._state.model

    @property
    def can_tune(self) -> bool:
        """Whether fine-tuning makes sense: the model is trained and quantized, and no training runs."""
        busy = self._training.is_running or self.activity is Activity.TUNING
        return self.model.trained and self.model.quantization is not None and not (busy or self.has_fault)

    @property
    def has_fault(self) -> bool:
        """Whether the network as edited has a fault; then all that is known is about the one before."""
        return self._state.document.fault is not None

    @property
    def can_go_back(self) -> bool:
        """Whether fine-tuning has made int8 worse, and can be undone."""
        worse = self.tuning is not None and self.tuning.is_worse
        return worse and not self.is_running and not self._training.is_running

    def prepare(self) -> None:
        """Calibrate the current model and compare it with float, where that is not done yet."""
        model = self._state.model
        busy = self._training.is_running or self._training.is_testing
        if self.is_running or busy or self._about is model or self.has_fault:
            return
        activity = Activity.CALIBRATING if model.quantization is None else Activity.COMPARING
        self._begin(activity, quantize_jobs.prepare, self._prepared)

    def tune(self) -> None:
        """Fine-tune the current model for int8; the result can be undone."""
        if not self.can_tune:
            return
        self.cancel()
        self._begin(Activity.TUNING, quantize_jobs.tune, self._tuned)

    def go_back(self) -> None:
        """Take the model back that was there before fine-tuning."""
        if self.can_go_back:
            self._state.undo()

    def cancel(self) -> None:
        """End the current work; its result is dropped."""
        if self._job is not None:
            self._job.drop()
            self._job = None
            self.activity = Activity.NONE
            self.changed.emit()

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.shut_down()

    def _begin(
        self, activity: Activity, work: Callable[[QuantizeOrder], Steps], ended: Callable[[JobOutcome], None]
    ) -> None:
        training, self._about = self._training, self._state.model
        self.activity, self.progress, self.seconds_left, self.error = (
            activity,
            JobProgress(0, 0),
            math.nan,
            "",
        )
        order = QuantizeOrder(self._about, training.catalogue, training.data, training.data_name)
        make = functools.partial(work, order)
        self._job = self._worker.submit(Job(lambda stopping: make(), ended, self._progressed))
        self.changed.emit()

    def _progressed(self, items: list[Any]) -> None:
        for item in items:
            if isinstance(item, Calibrated):
                self._take(item.model)
                self.activity = Activity.COMPARING
            elif isinstance(item, TimeLeft):
                self.seconds_left = item.seconds
            elif isinstance(item, JobProgress):
                self.progress = item
        self.changed.emit()

    def _prepared(self, outcome: JobOutcome) -> None:
        self._finish(outcome)
        if isinstance(outcome.result, Compared):
            self._take(outcome.result.model)
        self.changed.emit()

    def _tuned(self, outcome: JobOutcome) -> None:
        self._finish(outcome)
        if isinstance(outcome.result, Compared):
            self._about = outcome.result.model
            self.tuning = Tuning(outcome.result.before, measured(self._about))
            self._state.replace_model(self._about)
            self.told.emit(self.tuning.words)
        self.changed.emit()

    def _finish(self, outcome: JobOutcome) -> None:
        self._job, self.activity = None, Activity.NONE
        self.error = "" if outcome.error is None else str(outcome.error)
        if isinstance(outcome.result, Compared):
            self.flips = outcome.result.flips

    def _take(self, model: Model) -> None:
        """Take the same model with new facts about it."""
        if self._state.model is self._about and model is not self._about:
            self._about = model
            self._annotate(model)

    def _state_changed(self) -> None:
        """Drop what is about a model that is no longer there."""
        if self._about is not None and self._state.model is not self._about:
            if self.activity is Activity.TUNING:
                self.told.emit("Fine-tuning has ended: the network was changed")
            self._about, self.flips, self.error, self.tuning = None, None, "", None
            self.cancel()
        self._refresh()

    def _refresh(self) -> None:
        """Emit `changed` when there is another model, or what can be done with it has changed."""
        before, self._shown = self._shown, self._look()
        if self._shown[0] is not before[0] or self._shown[1:] != before[1:]:
            self.changed.emit()

    def _look(self) -> tuple[Model, bool, bool]:
        return self.model, self.can_tune, self.has_fault

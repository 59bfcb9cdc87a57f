"""Finds a learning rate: many are tried for a few batches each, and the model does not change."""

from __future__ import annotations

import functools
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.data import Dataset
from engine.nn.model import Model
from engine.training.config import TrainConfig
from engine.training.rate_finder import RatePoint, calm_loss, suggest_rate
from tinyml_gui.background import jobs
from tinyml_gui.background.worker import Job, JobOutcome, Worker

__all__ = ["RateController"]


class RateController(QObject):
    """One learning-rate range test at a time.

    Parameters
    ----------
    worker : Worker
        The one that trains, so that the two never compete.

    Signals
    -------
    changed()

    Attributes
    ----------
    points : list of RatePoint
    suggestion : float or None
    calm : float
        A loss below which differences are noise.
    error : str
    """

    changed = Signal()

    def __init__(self, worker: Worker, parent: QObject) -> None:
        super().__init__(parent)
        self._worker = worker
        self._job: Job | None = None
        self.calm = 0.0
        self.points: list[RatePoint] = []
        self.suggestion: float | None = None
        self.error = ""

    @property
    def is_running(self) -> bool:
        """Whether rates are being tried."""
        return self._job is not None

    def find(self, model: Model, data: Dataset, config: TrainConfig) -> None:
        """Try rates."""
        if self._job is None:
            self.points, self.suggestion, self.error = [], None, ""
            self.calm = calm_loss(model, config)
            make = functools.partial(jobs.find_rate, model, data, config)
            self._job = self._worker.submit(Job(lambda stopping: make(), self._ended, self._progressed))
            self.changed.emit()

    def refuse(self, sentence: str) -> None:
        """Say why rates cannot be tried."""
        self.points, self.suggestion, self.error = [], None, sentence
        self.changed.emit()

    def cancel(self) -> None:
        """End a test that is under way; nothing is suggested."""
        if self._job is not None:
            self._job.drop()
            self._job = None
        self.points, self.suggestion, self.error = [], None, ""
        self.changed.emit()

    def _progressed(self, items: list[Any]) -> None:
        self.points += items
        self.changed.emit()

    def _ended(self, outcome: JobOutcome) -> None:
        self._job = None
        if outcome.error is not None:
            self.error = str(outcome.error)
        elif self.points:
            self.suggestion = suggest_rate(self.points, self.calm)
        else:
            self.error = "The loss was no usable number at the smallest rate; start from a fresh network."
        self.changed.emit()

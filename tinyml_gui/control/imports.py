"""Reads networks that other programs made, beside the window: the one that was asked for last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from tinyml_gui.background import import_jobs
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.document.state import State

__all__ = ["ImportController"]


class ImportController(QObject):
    """One file at a time.

    Signals
    -------
    read(object)
        A file was read; the argument is a `TakenIn`. What is open has not changed yet.
    told(str)
        What is being read, as a sentence; empty once nothing is.
    refused(str)
        The file cannot be used; one sentence.
    """

    read = Signal(object)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, state: State, tasks: Worker, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._tasks = tasks
        self._job: Job | None = None

    def start(self, path: Path) -> None:
        """Read `path`; what was being read is no longer wanted."""
        if self._job is not None:
            self._job.drop()
        model = self._state.model
        self._job = self._tasks.submit(Job(lambda stopping: import_jobs.read(path, model), self._ended))
        self.told.emit(f"Reading {path.name}…")

    def _ended(self, outcome: JobOutcome) -> None:
        self._job = None
        self.told.emit("")
        if outcome.error is not None:
            self.refused.emit(str(outcome.error))
        elif outcome.result is not None:
            self.read.emit(outcome.result)

"""Reads pictures that were pasted or dropped, beside the window: the newest one only."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.drawing.paste_and_drop import ink_of

__all__ = ["PictureReader"]


class PictureReader(QObject):
    """One picture at a time.

    Signals
    -------
    read(object, bool)
        The ink, (height, width) uint8, and whether this is only a first, rough view of a large picture.
    told(str)
        What is being read, as a sentence; empty once nothing is.
    refused(str)
        The picture cannot be used; one sentence.
    """

    read = Signal(object, bool)
    told = Signal(str)
    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worker = Worker("pictures", self)
        self._job: Job | None = None

    def start(self, picture: Path | QImage) -> None:
        """Read `picture`; what was being read is no longer wanted."""
        if self._job is not None:
            self._job.drop()
        # The job's `tell` is there once the job runs.
        job = Job(lambda stopping: _steps(picture, job.tell), self._ended, self._show)
        self._job = self._worker.submit(job)
        self.told.emit(f"Reading {picture.name if isinstance(picture, Path) else 'the image'}…")

    def show(self, ink: NDArray[np.uint8]) -> None:
        """Show ink, (height, width), that is there already; what is being read is no longer wanted."""
        if self._job is not None:
            self._job.drop()
            self._job = None
        self.told.emit("")
        self.read.emit(ink, False)

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.shut_down()

    def _show(self, inks: list[Any]) -> None:
        self.read.emit(inks[-1], True)

    def _ended(self, outcome: JobOutcome) -> None:
        self._job = None
        self.told.emit("")
        if outcome.error is not None:
            self.refused.emit(str(outcome.error))
        elif not outcome.cancelled:
            self.read.emit(outcome.result, False)


def _steps(picture: Path | QImage, rough: Callable[[Any], None]) -> Generator[None, None, Any]:
    yield from ()
    return ink_of(picture, rough)

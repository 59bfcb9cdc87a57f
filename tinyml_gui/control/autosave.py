"""Keeps a copy of the unsaved model on disk, so that a crash or a power cut does not lose training.

The copy is written soon after the first change, then at most every 30 seconds, and at once when training
ends. A thread of its own writes it, as a whole file or not at all, and tries again where that fails. It is
removed when nothing is unsaved.
"""

from __future__ import annotations

import functools
import time
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.storage import model_file
from tinyml_gui.background import jobs
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.document.recovery import TOUCH_SECONDS, RecoveryFiles
from tinyml_gui.document.state import State

__all__ = ["Autosave"]

SOON: Final = 2.0  # s after a change
OFTEN: Final = 30.0  # s between two copies


class Autosave(QObject):
    """Follows a state and writes its model.

    Parameters
    ----------
    state : State
    recovery_files : RecoveryFiles
        Where to.

    Signals
    -------
    failed(str)
        The copy cannot be written, and why; emitted once, until one is written again.
    works_again()
        A copy was written again.
    """

    failed = Signal(str)
    works_again = Signal()

    def __init__(self, state: State, recovery_files: RecoveryFiles, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._recovery_files = recovery_files
        self._worker = Worker("autosave", self)
        self._kept: Model | None = None
        self._kept_at = -OFTEN
        self._has_failed = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.write)
        self._touch = QTimer(self)
        self._touch.setInterval(round(1000 * TOUCH_SECONDS))
        self._touch.timeout.connect(recovery_files.claim)
        self._touch.start()
        state.observe(self._state_changed)

    def write(self) -> None:
        """Write a copy now, where something is unsaved that is not in the last copy."""
        model = self._state.model
        if not self._state.is_modified or model is self._kept:
            return
        self._kept, self._kept_at = model, time.monotonic()
        self._recovery_files.claim()
        make = functools.partial(jobs.keep, self._recovery_files.model, model)
        self._worker.submit(Job(lambda stopping: make(), self._written))

    def write_now(self) -> None:
        """Write what is unsaved before this returns: the program is about to end."""
        self._worker.shut_down()
        if self._state.is_modified:
            with suppress(TinyMLError):
                model_file.save(self._state.model, self._recovery_files.model)

    def close(self) -> None:
        """Wait for the thread; the copy stays."""
        self._timer.stop()
        self._touch.stop()
        self._worker.shut_down()

    def _state_changed(self) -> None:
        if not self._state.is_modified:
            self._forget()
        elif not self._timer.isActive() and self._state.model is not self._kept:
            wait = max(SOON, OFTEN - (time.monotonic() - self._kept_at))
            self._timer.start(round(1000 * wait))

    def _forget(self) -> None:
        self._timer.stop()
        if self._kept is not None or self._recovery_files.model.exists():
            self._kept = None
            make = functools.partial(jobs.forget, self._recovery_files.model)
            self._worker.submit(Job(lambda stopping: make(), self._written))

    def _written(self, outcome: JobOutcome) -> None:
        if outcome.error is None:
            if self._has_failed:
                self.works_again.emit()
            self._has_failed = False
            return
        self._kept = None
        self._state_changed()
        if not self._has_failed:
            self._has_failed = True
            self.failed.emit(f"No copy of the unsaved model could be kept: {outcome.error}")

"""A copy of the unsaved model is kept on the disk, so that not even a power cut takes what was trained.

It is written soon after the first change, then at most every half minute, and at once when training ends;
on a thread of its own, as a whole file or not at all. It goes when there is nothing unsaved any more.
"""

from __future__ import annotations

import functools
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QTimer

from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.storage import project
from tinyml_gui.background import jobs
from tinyml_gui.background.worker import Job, Outcome, Worker
from tinyml_gui.document.session import Session

if TYPE_CHECKING:
    from tinyml_gui.control.controller import Controller

__all__ = ["Autosave"]

SOON: Final = 2.0  # s after a change
OFTEN: Final = 30.0  # s between two copies


class Autosave(QObject):
    """Follows a controller and writes what it works on.

    Parameters
    ----------
    controller : Controller
        Parent too; is told by its ``error`` when the copy cannot be written, once.
    session : Session
        Where to.
    """

    def __init__(self, controller: Controller, session: Session) -> None:
        super().__init__(controller)
        self._controller = controller
        self._session = session
        self._worker = Worker("autosave", self)
        self._kept: Model | None = None
        self._kept_at = -OFTEN
        self._trained = False
        self._told = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.write)
        for signal in (controller.model_changed, controller.params_published, controller.title_changed):
            signal.connect(self._look)

    def write(self) -> None:
        """Write a copy now, where there is something unsaved that is not in the last one."""
        model = self._controller.model
        if not self._controller.is_modified or model is self._kept:
            return
        self._kept, self._kept_at = model, time.monotonic()
        make = functools.partial(jobs.keep, self._session.recovery, model)
        self._worker.submit(Job(lambda stopping: make(), self._written))

    def write_now(self) -> None:
        """Write what is unsaved before this returns: the program is about to end."""
        self._worker.shut_down()
        if self._controller.is_modified:
            with suppress(TinyMLError):
                project.save(self._controller.model, self._session.recovery)

    def close(self) -> None:
        """Wait for the thread; the copy stays."""
        self._timer.stop()
        self._worker.shut_down()

    def _look(self) -> None:
        trained, self._trained = self._trained, self._controller.training.is_running
        if not self._controller.is_modified:
            self._forget()
        elif trained and not self._trained:
            self.write()
        elif not self._timer.isActive() and self._controller.model is not self._kept:
            wait = max(SOON, OFTEN - (time.monotonic() - self._kept_at))
            self._timer.start(round(1000 * wait))

    def _forget(self) -> None:
        self._timer.stop()
        if self._kept is not None:
            self._kept = None
            make = functools.partial(jobs.forget, self._session.recovery)
            self._worker.submit(Job(lambda stopping: make(), self._written))

    def _written(self, outcome: Outcome) -> None:
        if outcome.error is not None and not self._told:
            self._told = True
            self._controller.error.emit(f"No copy of the unsaved model could be kept: {outcome.error}")

"""The chosen board and export format, and whether the model fits them.

Fits are computed on a thread of their own, and only for the latest choice. So the bars move while a layer is
edited, and the window never waits.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from engine.boards.boards import Board
from engine.export import ExportOptions
from engine.verify.certificate import Certificate
from tinyml_gui.background import deploy_jobs
from tinyml_gui.background.deploy_jobs import ExportOrder, VerifyOrder
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.document.settings import Settings
from tinyml_gui.document.state import State
from tinyml_gui.viewmodels.fit import Fit, FitOrder
from tinyml_gui.viewmodels.targets import known_board, known_format

__all__ = ["DeploymentController"]

Ended = Callable[[JobOutcome], None]
_BOARD, _FORMAT = "board", "format"
_PAUSE_MS: Final = 60  # several changes in quick succession need one computation, and the page is drawn first


class DeploymentController(QObject):
    """What the model is to run on.

    Parameters
    ----------
    state : State
    settings : Settings
        Remember board and format.
    tasks : Worker
        For exporting and verifying, so that fits do not wait for them.

    Signals
    -------
    target_changed()
        Another board or format.
    fit_changed()

    Attributes
    ----------
    board : Board
    format : str
    options : ExportOptions
    fit : Fit or None
        None while the network has a fault, or nothing was computed yet.
    certificate : Certificate or None
        Of the last code that was verified.
    """

    target_changed = Signal()
    fit_changed = Signal()

    def __init__(self, state: State, settings: Settings, tasks: Worker, parent: QObject) -> None:
        super().__init__(parent)
        self._state = state
        self._tasks = tasks
        self._task: Job | None = None
        self._settings = settings
        self._worker = Worker("fit", self, gives_way=False)
        self._job: Job | None = None
        self._watched = False
        self._stale = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._measure)
        self.board: Board = known_board(settings.text(_BOARD))
        self.format = known_format(settings.text(_FORMAT))
        self.options = ExportOptions()
        self.fit: Fit | None = None
        self.certificate: Certificate | None = None

    @property
    def is_measuring(self) -> bool:
        """Whether the fit shown is about to change."""
        return self._timer.isActive() or self._job is not None

    def watch(self) -> None:
        """Keep the fit up to date from now on: a page shows it."""
        self._watched = True
        if self._stale:
            self._schedule()

    def update(self) -> None:
        """Compute the fit again: the network has changed."""
        self._stale = True
        if self._watched:
            self._schedule()

    def choose_board(self, name: str) -> None:
        """Take another board, and remember it."""
        if name != self.board.name:
            self.board = known_board(name)
            self._settings.set_text(_BOARD, self.board.name)
            self._retarget()

    def choose_format(self, name: str) -> None:
        """Take another format, and remember it."""
        if name != self.format:
            self.format = known_format(name)
            self._settings.set_text(_FORMAT, self.format)
            self._retarget()

    def choose_options(self, options: ExportOptions) -> None:
        """Compute the fit with other options."""
        if options != self.options:
            self.options = options
            self.update()

    def take_certificate(self, certificate: Certificate) -> None:
        """Show what was measured in place of what was estimated, as long as it is about the same code."""
        self.certificate = certificate
        self.fit_changed.emit()

    @property
    def proved(self) -> Certificate | None:
        """The certificate of the code that the fit is about."""
        if self.fit is None or self.certificate is None or not self.fit.is_about(self.certificate):
            return None
        return self.certificate

    # Exporting and verifying

    @property
    def is_busy(self) -> bool:
        """Whether something is being exported or verified."""
        return self._task is not None

    def export(self, order: ExportOrder, ended: Ended) -> None:
        """Try files out and write them; `ended` gets a `deploy_jobs.Exported`."""
        self._submit(self._job_of(lambda stopping: deploy_jobs.export(order, stopping.is_set), ended))

    def verify(self, order: VerifyOrder, ended: Ended, progressed: Callable[[list[Any]], None]) -> None:
        """Compile, run and compare; `ended` gets an `engine.verify.certificate.Certificate`."""

        def make(stopping: threading.Event) -> Any:
            return deploy_jobs.verify(order, job.tell, stopping.is_set)

        job = self._job_of(make, ended, progressed)
        self._submit(job)

    def certify(self, order: ExportOrder, certificate: Certificate, ended: Ended) -> None:
        """Write files once more, with the certificate in their headers; `ended` gets as from `export`."""
        self._submit(self._job_of(lambda stopping: deploy_jobs.certify(order, certificate), ended))

    def save_certificate(self, certificate: Certificate, path: Path, ended: Ended) -> None:
        """Write a certificate; `ended` gets its path."""
        self._submit(self._job_of(lambda stopping: deploy_jobs.save_certificate(certificate, path), ended))

    def cancel(self) -> None:
        """End what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _job_of(
        self,
        make: Callable[[threading.Event], Any],
        ended: Ended,
        progressed: Callable[[list[Any]], None] | None = None,
    ) -> Job:
        def end(outcome: JobOutcome) -> None:
            self._task = None
            ended(outcome)

        return Job(make, end, progressed)

    def _submit(self, job: Job) -> None:
        if self._task is None:
            self._task = self._tasks.submit(job)

    def shut_down(self) -> None:
        """End the thread."""
        self._timer.stop()
        self._worker.shut_down()

    def _retarget(self) -> None:
        self.target_changed.emit()
        self.update()

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _measure(self) -> None:
        if self._job is not None or not self._stale:  # asked again when it has ended
            return
        self._stale = False
        document = self._state.document
        if document.fault is not None:
            self._show(None)
            return
        order = FitOrder(document.model, self.format, self.board, self.options)
        make = functools.partial(deploy_jobs.fit, order)
        self._job = self._worker.submit(Job(lambda stopping: make(), self._measured))

    def _measured(self, outcome: JobOutcome) -> None:
        self._job = None
        self._measure()
        if isinstance(outcome.result, Fit):
            self._show(outcome.result)

    def _show(self, fit: Fit | None) -> None:
        self.fit = fit
        self.fit_changed.emit()

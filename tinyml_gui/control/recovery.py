"""Offers unsaved work that ended programs have left, until the user restores or discards each of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.errors import TinyMLError
from engine.nn.model import Model
from tinyml_gui.background import recovery_jobs
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.viewmodels.recovery import Offer
from tinyml_gui.viewmodels.training import Interrupted

__all__ = ["RecoveryController"]

Take = Callable[[Model, Interrupted | None], None]
_GONE = "This copy is no longer there: another window has restored or discarded it."


class RecoveryController(QObject):
    """What was left, and what the user decides about it.

    Parameters
    ----------
    files : RecoveryFiles or None
        None where nothing is kept.
    tasks : Worker
        For reading.
    take : callable
        ``take(model, interrupted)`` opens a model that is not saved, and offers the run in which it was.

    Signals
    -------
    changed()
        There are other offers.
    error(str)
        What was left cannot be restored or removed.

    Attributes
    ----------
    offers : tuple of Offer
        The newest first.
    """

    changed = Signal()
    error = Signal(str)

    def __init__(self, files: RecoveryFiles | None, tasks: Worker, take: Take, parent: QObject) -> None:
        super().__init__(parent)
        self._files = files
        self._tasks = tasks
        self._take = take
        self.offers: tuple[Offer, ...] = ()

    def look(self) -> None:
        """Look for what was left."""
        if (files := self._files) is not None:
            self._tasks.submit(Job(lambda stopping: recovery_jobs.look(files), self._found))

    def _found(self, outcome: JobOutcome) -> None:
        if outcome.result is not None:
            self.offers = outcome.result
            self.changed.emit()

    def restore(self, offer: Offer) -> None:
        """Open what was left; it is still unsaved. What cannot be read stays."""
        if self._files is None:
            return
        model, run, fault = recovery_jobs.read(offer.left)
        if model is None:
            self._refuse(offer, fault or _GONE)
            return
        try:
            self._files.adopt(offer.left)
        except TinyMLError as error:
            self._refuse(offer, str(error))
            return
        self._drop(offer)
        self._take(model, None if run is None else Interrupted(*run))
        if fault:
            self.error.emit(fault)

    def discard(self, offer: Offer) -> None:
        """Remove what was left."""
        if self._files is None:
            return
        try:
            self._files.discard(offer.left)
        except TinyMLError as error:
            self._refuse(offer, str(error))
            return
        self._drop(offer)

    def _refuse(self, offer: Offer, sentence: str) -> None:
        self.error.emit(sentence)
        if not offer.left.folder.is_dir():
            self._drop(offer)

    def _drop(self, offer: Offer) -> None:
        self.offers = tuple(other for other in self.offers if other is not offer)
        self.changed.emit()

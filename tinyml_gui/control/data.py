"""What the Data page asks for: look at a data set, import one, take the import back."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.data import Catalogue
from engine.data.catalogue import user_data_dir
from engine.errors import TinyMLError
from tinyml_gui.background import data_jobs
from tinyml_gui.background.data_jobs import Looked
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.background.worker import Job, JobOutcome, Worker
from tinyml_gui.viewmodels.data import proposed_name
from tinyml_gui.viewmodels.starts import data_title

__all__ = ["DataController"]


class DataController(QObject):
    """The data set that is looked at, and the import that goes on.

    Signals
    -------
    changed()
        What is looked at, or the import, changed.
    listed()
        There are more or fewer data sets than before.
    used(str)
        The user wants to train on a data set: its name.
    told(str)
        What was done, as a sentence.

    Attributes
    ----------
    catalogue : Catalogue
    root : Path
        The folder for imported data.
    name : str
        The data set that is looked at; empty where none was chosen yet.
    looked : Looked or None
        What was seen; None while it is read.
    error : str
        Why it could not be read or imported.
    importing : str
        The name of the file or folder that is being imported; empty where none is.
    progress : JobProgress
        Of the import.
    unconfirmed : str
        The data set that was imported last, until the user keeps or discards it.
    notes : tuple of str
        What its import assumed or changed.
    """

    changed = Signal()
    listed = Signal()
    used = Signal(str)
    told = Signal(str)

    def __init__(self, catalogue: Catalogue, parent: QObject, root: Path | None = None) -> None:
        super().__init__(parent)
        self.catalogue = catalogue
        self.root = root or user_data_dir()
        self._worker = Worker("data", self)
        self._looking: Job | None = None
        self._import: Job | None = None
        self.name = self.error = self.importing = self.unconfirmed = ""
        self.looked: Looked | None = None
        self.progress = JobProgress(0, 0)
        self.notes: tuple[str, ...] = ()

    def choose(self, name: str) -> None:
        """Look at a data set, by catalogue name or folder."""
        if self._looking is not None:
            self._looking.drop()
        self.name, self.looked, self.error = name, None, ""
        job = Job(lambda stopping: data_jobs.look(self.catalogue, name), self._ended_looking)
        self._looking = self._worker.submit(job)
        self.changed.emit()

    def start_import(self, path: Path) -> None:
        """Import what is at `path`, under a name made from its own."""
        if self._import is not None:
            return
        self.keep()
        name = proposed_name(path.name, self.catalogue.names())
        self.importing, self.progress, self.error = path.name, JobProgress(0, 0), ""
        job = Job(
            lambda stopping: data_jobs.bring_in(path, self.root, name, stopping, job.tell),
            functools.partial(self._ended_import, name),
            self._progressed,
        )
        self._import = self._worker.submit(job)
        self.changed.emit()

    def cancel_import(self) -> None:
        """End the import; nothing of it is kept."""
        if self._import is not None:
            self._import.cancel()

    def print_sheet(self, path: Path) -> None:
        """Save a page to write the classes of this data set on."""
        if self.looked is not None:
            classes = self.looked.train.classes
            job = Job(
                lambda stopping: data_jobs.print_sheet(classes, path),
                functools.partial(self._printed, path),
            )
            self._worker.submit(job)

    def keep(self) -> None:
        """Keep what was imported last."""
        if self.unconfirmed:
            self.unconfirmed, self.notes = "", ()
            self.changed.emit()

    def discard(self) -> None:
        """Remove what was imported last; the user's own files stay."""
        from engine.data.importing import Place, remove

        name, self.unconfirmed, self.notes = self.unconfirmed, "", ()
        try:
            remove(Place(self.root, name))
        except TinyMLError as error:
            self.error = str(error)
        self.listed.emit()
        self.choose(self.catalogue.present()[0])

    def use(self, name: str) -> None:
        """Train on data set `name` from now on, which keeps it."""
        if name == self.unconfirmed:
            self.keep()
        self.used.emit(name)
        self.told.emit(f"The Train page trains on {data_title(name)} now")

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.shut_down()

    def _ended_looking(self, outcome: JobOutcome) -> None:
        self._looking = None
        self.looked = outcome.result
        if self.looked is None:
            self.error = str(outcome.error or "The data set could not be read; choose another.")
        self.changed.emit()

    def _printed(self, path: Path, outcome: JobOutcome) -> None:
        if outcome.error is not None:
            self.error = str(outcome.error)
            self.changed.emit()
        elif not outcome.cancelled:
            self.told.emit(
                f"Saved {path.name}: print it, write in its {outcome.result} boxes, and import a photograph "
                "of it"
            )

    def _progressed(self, items: list[Any]) -> None:
        self.progress = items[-1]
        self.changed.emit()

    def _ended_import(self, name: str, outcome: JobOutcome) -> None:
        self._import, self.importing = None, ""
        if outcome.error is not None:
            self.error = str(outcome.error)
        if outcome.error is not None or outcome.cancelled:
            self.changed.emit()
            return
        self.unconfirmed, self.notes = name, outcome.result
        self.catalogue.add_folder(self.root)
        self.listed.emit()
        self.choose(name)

"""Fetches a data set from the network, with progress and cancel."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from engine.data import Catalogue
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.background.worker import Job, JobOutcome, Worker

__all__ = ["DownloadController", "fetched"]

_LOOK_SECONDS: Final = 0.1  # between two checks for progress and for a cancel


class DownloadController(QObject):
    """One download at a time.

    Signals
    -------
    changed()
    fetched(str)
        A data set is here now: its name.

    Attributes
    ----------
    name : str
        What is being fetched; empty where nothing is.
    progress : JobProgress
        In bytes.
    error : str
    """

    changed = Signal()
    fetched = Signal(str)

    def __init__(self, catalogue: Catalogue, parent: QObject) -> None:
        super().__init__(parent)
        self._catalogue = catalogue
        self._worker = Worker("download", self)
        self._job: Job | None = None
        self.name = ""
        self.progress = JobProgress(0, 0)
        self.error = ""

    def start(self, name: str) -> None:
        """Fetch data set `name`."""
        if self._job is None:
            self.name, self.progress, self.error = name, JobProgress(0, 0), ""
            make = _maker(lambda: self._catalogue.download(name))
            self._job = self._worker.submit(Job(make, self._ended, self._progressed))
            self.changed.emit()

    def cancel(self) -> None:
        """End the download; files that are whole are kept."""
        if self._job is not None:
            self._job.cancel()

    def forget_error(self) -> None:
        """Clear the error: the user has seen it."""
        self.error = ""
        self.changed.emit()

    def shut_down(self) -> None:
        """End the thread."""
        self._worker.shut_down()

    def _progressed(self, items: list[Any]) -> None:
        self.progress = items[-1]
        self.changed.emit()

    def _ended(self, outcome: JobOutcome) -> None:
        name, self.name, self._job = self.name, "", None
        self.error = "" if outcome.error is None else str(outcome.error)
        if not (outcome.cancelled or self.error):
            self.fetched.emit(name)
        self.changed.emit()


def _maker(begin: Callable[[], Iterable[tuple[int, int]]]) -> Callable[[object], Any]:
    return lambda stopping: fetched(begin)


def fetched(begin: Callable[[], Iterable[tuple[int, int]]]) -> Generator[JobProgress, None, None]:
    """Yield the progress of a download; can be closed at once, even while no data arrive.

    A daemon thread does the download, and the end of the program does not wait for it: a read may take half
    a minute to time out.
    """
    news: queue.SimpleQueue[JobProgress | Exception | None] = queue.SimpleQueue()
    closed = threading.Event()
    threading.Thread(target=_pull, args=(begin, news.put, closed), daemon=True).start()
    last = JobProgress(0, 0)
    try:
        while True:
            try:
                item = news.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                item = last
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            last = item
            yield last
    finally:
        closed.set()


def _pull(
    begin: Callable[[], Iterable[tuple[int, int]]],
    tell: Callable[[JobProgress | Exception | None], None],
    closed: threading.Event,
) -> None:
    try:
        for done, total in begin():
            if closed.is_set():
                return
            tell(JobProgress(done, total))
    except Exception as error:  # raised again where it is waited for
        tell(error)
    else:
        tell(None)

"""A sweep as background work: networks train in processes, and what ends is written at once."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.data import Catalogue, Dataset
from engine.errors import DataError, FileError
from engine.files import file_faults, write_bytes
from engine.sweep.columns import Row, row_of
from engine.sweep.description import Sweep
from engine.sweep.outcome import Advanced, EpochScores, Failed, Finished, Trained
from engine.sweep.processes import carried_out
from engine.sweep.results_file import ResultsFile
from engine.sweep.tasks import tasks_for
from tinyml_gui.viewmodels.sweep.results import SweepResults

__all__ = ["Began", "Ended", "Kept", "NotWritten", "SweepOrder", "run_sweep", "write"]


@dataclass(frozen=True)
class SweepOrder:
    """What to train, on which data, and the folder that the table of results is kept in."""

    sweep: Sweep
    data: Dataset
    catalogue: Catalogue
    folder: Path
    processes: int


@dataclass(frozen=True)
class Began:
    """What is known at the start of a sweep; with thousands of runs it takes a while to put together."""

    results: SweepResults


@dataclass(frozen=True)
class Ended:
    """A run that ended: its row, its network where it ended well, else why not."""

    row: Row
    trained: Trained | None
    sentence: str = ""


@dataclass(frozen=True)
class NotWritten:
    """A result could not be written; it is tried again with the next one."""

    reason: str


@dataclass(frozen=True)
class Kept:
    """Where the table of results is."""

    path: Path


Step = Began | Advanced | EpochScores | Ended | NotWritten


def run_sweep(order: SweepOrder, stopping: threading.Event) -> Generator[Step, None, Kept]:
    """Train all networks that are not in the table yet; stopped, it can go on later.

    Raises
    ------
    TinyMLError
        When a network does not fit the data, or the table cannot be written.
    """
    yield from ()
    runs = order.sweep.checked_runs(order.data)
    fingerprint = order.sweep.fingerprint(order.data)
    with file_faults(order.folder):
        order.folder.mkdir(parents=True, exist_ok=True)
    file = ResultsFile(order.folder / f"{order.sweep.name}-{fingerprint}.csv", fingerprint, resume=True)
    yield Began(SweepResults(order.sweep, runs, len(order.data.classes), file.rows))
    test = None
    with suppress(DataError):  # then there is no test accuracy
        test = order.catalogue.load(order.data.name, "test")
    left = [run for run in runs if run.key not in file.rows]
    tasks = tasks_for(left, order.processes)
    with closing(carried_out(tasks, order.data, test, order.processes)) as events:
        for event in events:
            if stopping.is_set():
                break
            if isinstance(event, (Advanced, EpochScores)):
                yield event
            else:
                yield from _ended(event, file, fingerprint)
    file.append([])
    return Kept(file.path)


def _ended(
    event: Finished | Failed, file: ResultsFile, fingerprint: str
) -> Generator[Ended | NotWritten, None, None]:
    row = row_of(event, fingerprint)
    try:
        file.append([row])
    except FileError as error:
        yield NotWritten(str(error))
    if isinstance(event, Failed):
        yield Ended(row, None, event.sentence)
    else:
        yield Ended(row, event.trained)


def write(path: Path, data: bytes) -> Generator[None, None, Path]:
    """Write a file, whole or not at all."""
    yield from ()
    write_bytes(path, data)
    return path

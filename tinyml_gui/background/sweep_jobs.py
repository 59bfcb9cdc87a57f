"""A sweep as background work: networks train in processes, and what ends is written at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.data import Catalogue, Dataset
from engine.errors import DataError, FileError, TinyMLError
from engine.files import file_faults, write_bytes
from engine.sweep.columns import Row, row_of
from engine.sweep.description import Run, Sweep
from engine.sweep.outcome import Advanced, EpochScores, Failed, Finished, Trained
from engine.sweep.processes import carried_out
from engine.sweep.results_file import ResultsFile, table_claimed
from engine.sweep.tasks import tasks_for
from tinyml_gui.viewmodels.sweep.earlier import (
    DESCRIPTION,
    TABLE,
    Earlier,
    check_data,
    description,
    read_earlier,
)
from tinyml_gui.viewmodels.sweep.results import SweepResults

__all__ = ["Began", "Ended", "Kept", "NotWritten", "SweepOrder", "list_sweeps", "run_sweep", "write"]

_MOST_LISTED: Final = 8


@dataclass(frozen=True)
class SweepOrder:
    """What to train, on which data, and where the table of results is kept.

    Attributes
    ----------
    sweep : Sweep
    data : Dataset
    catalogue : Catalogue
        Has the test images.
    folder : Path
    processes : int
    name : str
        That of the files of a sweep that began earlier; empty for a new one.
    """

    sweep: Sweep
    data: Dataset
    catalogue: Catalogue
    folder: Path
    processes: int
    name: str = ""


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
    if order.name:
        check_data(order.name, order.sweep, order.data)
    runs = order.sweep.checked_runs(order.data)
    fingerprint = order.sweep.fingerprint(order.data)
    path = order.folder / f"{order.name or f'{order.sweep.name}-{fingerprint}'}{TABLE}"
    with file_faults(order.folder):
        order.folder.mkdir(parents=True, exist_ok=True)
    with table_claimed(path):
        file = ResultsFile(path, fingerprint, resume=True)
        write_bytes(path.with_suffix(DESCRIPTION), description(order.sweep, order.data.name))
        yield Began(SweepResults(order.sweep, runs, len(order.data.classes), file.rows))
        yield from _trained(
            order, [run for run in runs if run.key not in file.rows], file, fingerprint, stopping
        )
        file.append([])
    return Kept(path)


def _trained(
    order: SweepOrder, left: list[Run], file: ResultsFile, fingerprint: str, stopping: threading.Event
) -> Generator[Step, None, None]:
    test = None
    with suppress(DataError):  # then there is no test accuracy
        test = order.catalogue.load(order.data.name, "test")
    tasks = tasks_for(left, order.processes)
    with closing(carried_out(tasks, order.data, test, order.processes)) as events:
        for event in events:
            if stopping.is_set():
                return
            if isinstance(event, (Advanced, EpochScores)):
                yield event
            else:
                yield from _ended(event, file, fingerprint)


def list_sweeps(folder: Path) -> Generator[None, None, tuple[Earlier, ...]]:
    """Return the sweeps in `folder` that began last, the newest first."""
    yield from ()
    found = [path for path in folder.glob(f"*{DESCRIPTION}") if path.is_file()] if folder.is_dir() else []
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return tuple(itertools.islice(_readable(newest), _MOST_LISTED))


def _readable(paths: list[Path]) -> Iterator[Earlier]:
    for path in paths:
        with suppress(TinyMLError, OSError):  # anybody may have put a file there
            yield read_earlier(path)


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

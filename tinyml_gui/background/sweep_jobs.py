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
from engine.nn.model import Model
from engine.storage import model_file
from engine.sweep.columns import Row, row_of
from engine.sweep.description import Run, Sweep
from engine.sweep.objectives import ACCURACY_AND_COSTS
from engine.sweep.outcome import Advanced, EpochScores, Failed, Finished, Trained
from engine.sweep.processes import carried_out
from engine.sweep.report.best_models import BestModels, saved_model
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

__all__ = [
    "Began",
    "Ended",
    "Kept",
    "NotWritten",
    "Saved",
    "SweepOrder",
    "list_sweeps",
    "open_saved",
    "run_sweep",
    "write",
]

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
class Saved:
    """The models that were kept of an earlier start of a sweep.

    Attributes
    ----------
    folder : Path
    keys : frozenset of str
        Of their runs.
    """

    folder: Path
    keys: frozenset[str]


@dataclass(frozen=True)
class Began:
    """What is known at the start of a sweep; with thousands of runs it takes a while to put together."""

    results: SweepResults
    saved: Saved


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


class _Record:
    """What is written of a sweep while it goes on: the table, and the models that no other one beats."""

    def __init__(self, file: ResultsFile, best: BestModels, fingerprint: str) -> None:
        self._file, self._best, self._fingerprint = file, best, fingerprint

    def end(self, event: Finished | Failed) -> Generator[Ended | NotWritten, None, None]:
        """Write what a run has come to; say what could not be written."""
        row = row_of(event, self._fingerprint)
        try:
            self._file.append([row])
            if isinstance(event, Finished):
                self._best.take(event, row)
        except FileError as error:
            yield NotWritten(str(error))
        if isinstance(event, Failed):
            yield Ended(row, None, event.sentence)
        else:
            yield Ended(row, event.trained)


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
        models = path.with_suffix("")
        best = BestModels(ACCURACY_AND_COSTS, file.rows.values(), order.data, models)
        results = SweepResults(order.sweep, runs, len(order.data.classes), file.rows)
        yield Began(results, Saved(models, best.saved()))
        left = [run for run in runs if run.key not in file.rows]
        yield from _trained(order, left, _Record(file, best, fingerprint), stopping)
        file.append([])
    return Kept(path)


def _trained(
    order: SweepOrder, left: list[Run], record: _Record, stopping: threading.Event
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
                yield from record.end(event)


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


def open_saved(folder: Path, key: str) -> Generator[None, None, Model]:
    """Read the model that was kept of a run of an earlier sweep."""
    yield from ()
    return model_file.load(saved_model(folder, key))


def write(path: Path, data: bytes) -> Generator[None, None, Path]:
    """Write a file, whole or not at all."""
    yield from ()
    write_bytes(path, data)
    return path

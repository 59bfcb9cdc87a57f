"""Work on data sets: read one and look what is wrong with it, import one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.data import Catalogue, Dataset
from engine.data.inspection import Inspection, inspect
from engine.errors import DataError
from tinyml_gui.background.jobs import JobProgress

__all__ = ["Looked", "bring_in", "look", "print_sheet"]


@dataclass(frozen=True)
class Looked:
    """A data set that was read.

    Attributes
    ----------
    train : Dataset
    test_images : int or None
        None where it has no test part.
    inspection : Inspection
    """

    train: Dataset
    test_images: int | None
    inspection: Inspection


def look(catalogue: Catalogue, name: str) -> Generator[Any, None, Looked]:
    """Read a data set and look what is wrong with it."""
    yield from ()
    train, test = catalogue.load(name, "train"), None
    with suppress(DataError):  # a test part is not needed
        test = catalogue.load(name, "test")
    yield
    return Looked(train, None if test is None else len(test), inspect(train, test))


def bring_in(
    path: Path, root: Path, name: str, stopping: threading.Event, tell: Callable[[Any], None]
) -> Generator[Any, None, tuple[str, ...]]:
    """Import what is at `path` as the data set `name` in the data folder `root`; return what was noted."""
    from engine.data.importing import TEST_PART_SEED, ImportOptions, Place, import_data

    def progress(done: int, total: int) -> None:
        if stopping.is_set():
            raise DataError(path, "the import was cancelled.")
        tell(JobProgress(done, total))

    yield from ()
    place, rng = Place(root, name), np.random.default_rng(TEST_PART_SEED)
    return import_data(path, place, ImportOptions(), rng, progress=progress).manifest.notes


def print_sheet(classes: tuple[str, ...], path: Path) -> Generator[None, None, int]:
    """Save a page to write these classes on; return how many boxes it has."""
    from engine.data.paper import Sheet, write_pdf

    yield
    sheet = Sheet(classes)
    write_pdf(sheet, path)
    return len(sheet.boxes)

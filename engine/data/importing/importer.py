"""From a path to a data set that can be trained on: recognise, read, set right, keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.data.imported import Manifest
from engine.data.importing.archives import unpacked
from engine.data.importing.found import Progress
from engine.data.importing.options import ImportOptions
from engine.data.importing.readers import find_reader
from engine.data.importing.settle import settle
from engine.data.importing.store import Place, check_place, store
from engine.errors import DataError

__all__ = ["Imported", "import_data"]


@dataclass(frozen=True)
class Imported:
    """A data set that was just imported: where it is, and what is known of it."""

    folder: Path
    manifest: Manifest


def import_data(
    path: Path,
    place: Place,
    options: ImportOptions,
    rng: np.random.Generator,
    *,
    kind: str = "",
    progress: Progress = lambda done, total: None,
) -> Imported:
    """Import the labelled images at `path`, and keep them in `place`.

    Parameters
    ----------
    path : Path
        A file or folder of a kind in `READERS`, or a zip or tar file of one.
    place : Place
    options : ImportOptions
    rng : numpy.random.Generator
        Draws the test part, where the data have none.
    kind : str
        The name of the reader, instead of recognising it.
    progress : callable

    Raises
    ------
    DataError, FileError
        The sentence names the file, and the row or image at fault. Nothing is kept then.
    """
    check_place(place)
    if not path.exists():
        raise DataError(path, "there is no such file or folder; check the path.")
    with unpacked(path) as source:
        reader = find_reader(source, kind)
        found = reader.read(source, options, progress)
        settled = settle(found, options, path, rng, progress)
        return Imported(*store(settled, place, path.name, reader.title))

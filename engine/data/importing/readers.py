"""The kinds of data that can be imported, and how one is recognised by its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.data.importing.array_files import is_array_file, read_arrays
from engine.data.importing.csv_tables import is_table, read_tables
from engine.data.importing.found import Found, Progress
from engine.data.importing.idx_files import holds_idx, read_idx_files
from engine.data.importing.options import ImportOptions
from engine.data.importing.picture_folders import holds_pictures, read_pictures
from engine.data.importing.sheets import is_sheet, read_sheets
from engine.errors import DataError, TinyMLError

__all__ = ["READERS", "DataReader", "find_reader"]


@dataclass(frozen=True)
class DataReader:
    """One kind of file or folder with labelled images.

    Attributes
    ----------
    name : str
        As on the command line.
    title : str
        What the user is told it was taken for.
    recognizes : callable
        ``recognizes(path)`` tells from content and names whether a file or folder is of this kind.
    read : callable
        ``read(path, options, progress)`` returns what is `Found`, or raises `DataError`.
    """

    name: str
    title: str
    recognizes: Callable[[Path], bool]
    read: Callable[[Path, ImportOptions, Progress], Found]


READERS: Mapping[str, DataReader] = {
    reader.name: reader
    for reader in (
        DataReader("idx", "IDX files, as of MNIST", holds_idx, read_idx_files),
        DataReader("arrays", "NumPy arrays", is_array_file, read_arrays),
        DataReader("csv", "tables with an image in each row", is_table, read_tables),
        DataReader("pictures", "pictures in folders", holds_pictures, read_pictures),
        DataReader("sheet", "photographs of a sheet that was written on", is_sheet, read_sheets),
    )
}
"""Every reader by name, in the order in which they are asked."""


def find_reader(path: Path, name: str = "") -> DataReader:
    """Return the reader called `name`, or the first one that recognises `path`.

    Raises
    ------
    DataError
        When none does; the sentence says what can be imported.
    TinyMLError
        For a name that no reader has.
    """
    if name and name not in READERS:
        raise TinyMLError(f"There is no kind of data called {name!r}; known are: {', '.join(READERS)}.")
    if name:
        return READERS[name]
    for reader in READERS.values():
        if reader.recognizes(path):
            return reader
    kinds = ", ".join(reader.title for reader in READERS.values())
    raise DataError(
        path,
        f"no labelled images were recognised; what can be imported is: {kinds}; also in a zip or tar file.",
    )

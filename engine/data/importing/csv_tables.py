"""Tables of pixels, one image a row: as MNIST and EMNIST go round, with the label first or last.

Separator, heading, type of the numbers and the column of the labels are read off the first rows. NumPy parses
the rest in blocks; only where it stumbles are rows looked at one by one, to say which is wrong.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.importing.found import MAX_IMAGES_BYTES, Found, Part, Progress
from engine.data.importing.labels import read_labels
from engine.data.importing.options import AUTO, ImportOptions
from engine.data.importing.pixels import arrange, image_shape_of, to_bytes
from engine.errors import DataError
from engine.files import file_faults, is_folder, open_file
from engine.shapes import describe_shape
from engine.words import short

__all__ = ["is_table", "read_tables"]

SUFFIXES = (".csv", ".tsv", ".txt")
_HEAD_BYTES = 1 << 20
_HEAD_ROWS = 200
_BLOCK_ROWS = 2000
_LABEL_CHARACTERS = 64
_FEWEST_COLUMNS = 5  # a label and an image of 2 × 2
_SEPARATORS = (",", ";", "\t", "|", " ")
_LABEL_HEADINGS = re.compile(r"label|class|target|y|digit|letter|character|category", re.IGNORECASE)
_NUMBER = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *")
_WHOLE = re.compile(r" *[0-9]{1,3} *")
_TEST_NAME = re.compile(r"(^|[^a-z])(test|t10k|val|valid|validation)([^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes
    ----------
    separator : str
    has_heading : bool
    columns : int
    label : int or None
        The column of the labels: 0, or the last; None where every column is a pixel.
    whole : bool
        Whether the pixels are whole numbers of at most three digits.
    """

    separator: str
    has_heading: bool
    columns: int
    label: int | None
    whole: bool

    @property
    def row_type(self) -> np.dtype[np.void]:
        """The NumPy type of a row that has a label."""
        pixels = ("pixels", np.uint8 if self.whole else np.float32, (self.columns - 1,))
        label = ("label", f"U{_LABEL_CHARACTERS}")
        return np.dtype([label, pixels] if self.label == 0 else [pixels, label])


def is_table(path: Path) -> bool:
    """Return whether `path` is a table of images, or a folder that holds some."""
    if is_folder(path):
        return any(_sniffs(file) for file in _tables_in(path))
    return path.suffix.lower() in SUFFIXES and _sniffs(path)


def read_tables(path: Path, options: ImportOptions, progress: Progress) -> Found:
    """Read the table at `path`, or those in a folder: names with "test" make the test part."""
    files = _tables_in(path) if is_folder(path) else [path]
    parts: dict[str, list[Part]] = {}
    remarks = []
    for file in files:
        part = _read(file, options, progress)
        if part is None:
            remarks.append(f"{file.name} has no labels and was left out.")
        else:
            name = "test" if len(files) > 1 and _TEST_NAME.search(file.stem) else "train"
            parts.setdefault(name, []).append(part)
    if "train" not in parts:
        raise DataError(
            path, "no table with labels to train on was found; the label is the first or last column."
        )
    return Found({name: _joined(found, path) for name, found in parts.items()}, tuple(remarks))


def _tables_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())


def _joined(parts: Sequence[Part], path: Path) -> Part:
    shapes = {part.images.shape[1:] for part in parts}
    if len(shapes) > 1:
        sizes = " and ".join(sorted(describe_shape(shape) for shape in shapes))
        raise DataError(path, f"its tables hold images of {sizes}; import them one by one.")
    labels = read_labels(np.concatenate([part.labels.astype(np.str_) for part in parts]), path)
    return Part(np.concatenate([part.images for part in parts]), labels)


def _sniffs(path: Path) -> bool:
    with file_faults(path, DataError), _opened(path) as stream:
        rows = _head_rows(stream)
    return bool(rows) and _layout_of(rows, AUTO) is not None


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    with open_file(path) as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace") as text:
        yield text


def _head_rows(stream: io.TextIOWrapper) -> list[str]:
    lines = stream.read(_HEAD_BYTES).splitlines()
    whole = lines[:-1] if len(lines) > 1 else lines  # the last one may have been cut
    return [line for line in whole if line.strip()][:_HEAD_ROWS]


def _layout_of(lines: Sequence[str], label_column: str) -> Layout | None:
    """Return how the table with these first `lines` is written; None if it is no table of images."""
    separator = max(_SEPARATORS, key=lines[-1].count)
    try:
        rows = [_cells(line, separator) for line in lines]
    except csv.Error:  # a line that is no text
        return None
    columns = len(rows[-1])
    if columns < _FEWEST_COLUMNS:
        return None
    has_heading = len(rows[0]) != columns or not all(_NUMBER.fullmatch(cell) for cell in rows[0][1:-1])
    body = [row for row in rows[has_heading:] if len(row) == columns]
    if not body:
        return None
    label = _label_column(body, rows[0] if has_heading and len(rows[0]) == columns else [], label_column)
    if image_shape_of(columns - (label is not None)) is None:
        return None
    pixels = [cell for row in body for place, cell in enumerate(row) if place != label]
    if not all(map(_NUMBER.fullmatch, pixels[:columns])):
        return None
    return Layout(separator, has_heading, columns, label, all(map(_WHOLE.fullmatch, pixels)))


def _label_column(body: list[list[str]], heading: Sequence[str], choice: str) -> int | None:
    """Return the column of the labels: as chosen, as headed, or the one that is no pixel by its content."""
    last = len(body[0]) - 1
    if choice != AUTO:
        return 0 if choice == "first" else last
    for place in (0, last):
        if heading and _LABEL_HEADINGS.fullmatch(heading[place].strip()):
            return place
    if image_shape_of(last) is None:
        return None
    texts = [place for place in (0, last) if not all(_NUMBER.fullmatch(row[place]) for row in body)]
    if texts:
        return texts[0]
    # The corner of an image of a character is as good as always empty.
    return last if len({row[0] for row in body}) == 1 and len({row[last] for row in body}) > 1 else 0


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _read(path: Path, options: ImportOptions, progress: Progress) -> Part | None:
    """Read one table; None if it has no labels."""
    with file_faults(path, DataError), _opened(path) as stream:
        lines = _head_rows(stream)
        layout = _layout_of(lines, options.label_column) if lines else None
        if layout is None:
            raise DataError(
                path, "this is no table of images: a row has one label and the pixels of a square image."
            )
        if layout.label is None:
            return None
        stream.seek(0)
        return _part(list(_blocks(stream, layout, path, progress)), path)


def _part(blocks: list[NDArray[np.void]], path: Path) -> Part:
    labels = np.concatenate([block["label"] for block in blocks])
    pixels = np.concatenate([block["pixels"] for block in blocks])
    blocks.clear()
    return Part(to_bytes(arrange(pixels, path), path), read_labels(labels, path))


def _blocks(
    stream: io.TextIOWrapper, layout: Layout, path: Path, progress: Progress
) -> Iterator[NDArray[np.void]]:
    """Yield the rows in blocks that take little memory while they are parsed."""
    size = path.stat().st_size
    first = 1 + layout.has_heading
    if layout.has_heading:
        stream.readline()
    held = done = 0
    while lines := list(islice(stream, _BLOCK_ROWS)):
        rows = [line for line in lines if line.strip()]
        if rows:
            block = _parsed(rows, layout, path, first)
            held += block.nbytes
            if held > MAX_IMAGES_BYTES:
                raise DataError(path, f"the table is larger than the {MAX_IMAGES_BYTES:,} bytes allowed.")
            yield block
        first += len(lines)
        done += sum(map(len, lines))
        progress(min(done, size), size)


def _parsed(rows: list[str], layout: Layout, path: Path, first: int) -> NDArray[np.void]:
    try:
        return np.loadtxt(
            rows, layout.row_type, comments=None, delimiter=layout.separator, quotechar='"', ndmin=1
        )
    except ValueError as error:
        raise DataError(path, _what_is_wrong(rows, layout, first)) from error


def _what_is_wrong(rows: Sequence[str], layout: Layout, first: int) -> str:
    for number, line in enumerate(rows, start=first):
        cells = _cells(line, layout.separator)
        if len(cells) != layout.columns:
            return f"row {number} has {len(cells)} columns, but others have {layout.columns}."
        allowed = _WHOLE if layout.whole else _NUMBER
        for place, cell in enumerate(cells):
            if place != layout.label and not (allowed.fullmatch(cell) and 0 <= float(cell) <= 255):
                return (
                    f"row {number}, column {place + 1} is {short(cell, 20)!r}, which is no pixel of 0 to 255."
                )
    return f"one of the rows {first} to {first + len(rows) - 1} cannot be read as numbers."

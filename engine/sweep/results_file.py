"""The file of results: every run that ends is appended at once, and nothing that was written is lost.

A line is a row, as CSV or, in a file ``.jsonl``, as a JSON object. Rows name their run and their sweep. A
program that is killed can cut the last line only; when the sweep goes on, a line that was cut and rows of
failed runs are dropped, and these runs are done again. Runs whose lines somebody has deleted are too.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import FileError
from engine.files import file_faults, is_file, read_limited, write_bytes
from engine.locks import claimed
from engine.sweep.columns import COLUMNS, FAILED, KEY, STATE, SWEEP, TEXTS, Cell, Row
from engine.words import short

__all__ = ["ResultsFile", "table_claimed"]

MAX_BYTES = 1 << 30
TAKEN = "another sweep is writing to it; wait for its end, or give another name."
END = "\n"


@dataclass(frozen=True)
class _Format:
    """How rows become lines.

    Attributes
    ----------
    head : str
        The first line of the file; empty for none.
    start : str
        What every file starts with.
    line : callable
        ``line(row)`` returns a line, without its end.
    row : callable
        ``row(line)`` returns the row again; raises `ValueError` if the line is none.
    """

    head: str
    start: str
    line: Callable[[Row], str]
    row: Callable[[str], Row]


def _csv_line(cells: Sequence[Cell]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return stream.getvalue()


def _csv_row(line: str) -> Row:
    cells = next(csv.reader([line], strict=True))
    return {name: _cell(name, text) for name, text in zip(COLUMNS, cells, strict=True)}


def _cell(name: str, text: str) -> Cell:
    for kind in () if name in TEXTS else (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def _json_line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False)


def _json_row(line: str) -> Row:
    value = json.loads(line)
    if not isinstance(value, dict) or tuple(value) != COLUMNS:
        raise ValueError("not a row")
    return value


HEAD = _csv_line(COLUMNS)
CSV = _Format(HEAD, HEAD + END, lambda row: _csv_line(list(row.values())), _csv_row)
JSON_LINES = _Format("", json.dumps({COLUMNS[0]: None})[: -len("null}")], _json_line, _json_row)
BY_SUFFIX: Mapping[str, _Format] = {".jsonl": JSON_LINES}


@contextmanager
def table_claimed(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other sweeps from writing the table `path` inside the block; raise `FileError` if one does."""
    place = Path(path)
    with claimed(place.with_name(f".{place.name}.lock"), path, TAKEN):
        yield


class ResultsFile:
    """The results of one sweep.

    Parameters
    ----------
    path : path-like
    sweep : str
        The fingerprint of the sweep.
    resume : bool
        Whether to go on with the file, if there is one; otherwise there must be none.

    Attributes
    ----------
    rows : dict of str to mapping
        The rows of all runs that have ended well, by the keys of the runs.

    Raises
    ------
    FileError
        When there is such a file already, it is of another sweep or damaged, or it cannot be written. Nothing
        is changed then.
    """

    def __init__(self, path: str | os.PathLike[str], sweep: str, resume: bool) -> None:
        self.path = Path(path)
        self.rows: dict[str, Row] = {}
        self._sweep = sweep
        self._format = BY_SUFFIX.get(self.path.suffix.lower(), CSV)
        self._unwritten: list[Row] = []
        if resume and is_file(path):
            self._go_on()
        elif os.path.lexists(path):
            raise FileError(
                path, "there is such a file already; give --resume to go on with it, or another name."
            )
        else:
            write_bytes(path, self._text([]))

    def _text(self, rows: Sequence[Row]) -> bytes:
        head = [self._format.head] if self._format.head else []
        return "".join(line + END for line in [*head, *map(self._format.line, rows)]).encode()

    def _go_on(self) -> None:
        """Read the file, and write it again without what has to be done again."""
        before = read_limited(self.path, MAX_BYTES)
        for row in self._read(before):
            if row[STATE] != FAILED:
                self.rows.setdefault(str(row[KEY]), row)
        after = self._text(list(self.rows.values()))
        if after != before:
            write_bytes(self.path, after)

    def _read(self, data: bytes) -> list[Row]:
        start = self._format.start.encode()
        if data[: len(start)] != start[: len(data)]:
            raise FileError(self.path, "it is no table of results with these columns; give another name.")
        whole = data[: data.rfind(END.encode()) + 1]  # what follows the last end was cut
        lines = whole.decode(errors="replace").split(END)[:-1]
        return [
            self._row(number, line)
            for number, line in enumerate(lines, 1)
            if line and line != self._format.head
        ]

    def _row(self, number: int, line: str) -> Row:
        try:
            row = self._format.row(line)
        except (ValueError, csv.Error, RecursionError) as error:
            raise FileError(
                self.path, f"line {number} is damaged; delete it, and its run is done again."
            ) from error
        if str(row[SWEEP]) != self._sweep:
            raise FileError(
                self.path,
                f"line {number} is a result of another sweep or other data ({short(row[SWEEP], 20)}, not "
                f"{self._sweep}); give another name.",
            )
        return row

    def append(self, rows: Sequence[Row]) -> None:
        """Write `rows`, and those that could not be written before.

        Raises
        ------
        FileError
            When the system refuses, as with a full disk. The file stays as it was, and the rows are kept for
            the next call.
        """
        self._unwritten += rows
        text = "".join(self._format.line(row) + END for row in self._unwritten).encode()
        with file_faults(self.path):
            _append(self.path, text)
        self.rows.update({str(row[KEY]): row for row in self._unwritten if row[STATE] != FAILED})
        self._unwritten = []

    def replace(self, rows: Sequence[Row]) -> None:
        """Write other rows for runs that are there; the file is replaced whole or left as it was."""
        changed = {**self.rows, **{str(row[KEY]): row for row in rows}}
        write_bytes(self.path, self._text(list(changed.values())))
        self.rows.update(changed)


def _append(path: Path, data: bytes) -> None:
    """Append all of `data` and wait until it is on the disk, or leave the file as it was."""
    with path.open("r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            written = 0
            while written < len(data):
                written += stream.write(data[written:]) or 0
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(size)
            raise

"""The history of training runs: a folder with two files a run, ``KEY.json`` and ``KEY.tinyml``.

There is no common file, so windows and commands can note runs at the same time, and a damaged entry, or one
of a newer version, hides itself and no other. Each file is written whole or not at all. What is removed goes
into a folder beside the others and can be brought back. Weights take a limited space: the oldest go first,
and their runs stay in the history.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from engine.errors import FieldError, FileError
from engine.files import file_faults, is_file, read_limited, user_folder, write_bytes
from engine.locks import claimed
from engine.nn.model import Model
from engine.record import Metrics
from engine.runs.run import Run
from engine.storage import model_file

__all__ = ["Found", "History", "runs_folder"]

FOLDER_VARIABLE: Final = "TINYML_RUNS"
MOST_BYTES: Final = 1 << 29
"""Of all weights together."""

_MOST_JSON: Final = 1 << 23  # as the description in a model's file
_ENTRY, _WEIGHTS, _REMOVED = ".json", model_file.SUFFIX, "removed"
_KEY: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_NAMED: Final = 4  # runs in an error
_TAKEN: Final = "another program is changing this entry; try again in a moment."


def runs_folder() -> Path:
    """Return the folder of the user's history: the one that TINYML_RUNS names, or the usual place."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else user_folder("runs")


class Found(NamedTuple):
    """What is in a history.

    Attributes
    ----------
    runs : list of Run
        The latest first.
    faults : list of str
        A sentence for each entry that cannot be read.
    """

    runs: list[Run]
    faults: list[str]


class History:
    """The runs in a folder, which is made when the first one is noted.

    Parameters
    ----------
    folder : Path
    most_bytes : int
        That the weights of all runs may take together.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most_bytes = most_bytes

    def add(self, run: Run, model: Model) -> None:
        """Note a run down, with the model that came of it.

        Raises
        ------
        FileError
            When the system refuses to write. The history is then as it was.
        """
        with file_faults(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        weights = self.folder / (run.key + _WEIGHTS)
        model_file.save(model, weights)
        try:
            self._write(run)
        except BaseException:
            with suppress(OSError):
                weights.unlink()
            raise
        self._limit(run.key)

    def all(self) -> Found:
        """Return all runs that can be read, and what is wrong with the others."""
        runs, faults = [], []
        for key in self._keys(self.folder):
            try:
                runs.append(self._read(key))
            except FileError as error:
                if is_file(self._entry(key)):  # else somebody has just removed it
                    faults.append(str(error))
        return Found(sorted(runs, key=lambda run: (run.began, run.key), reverse=True), sorted(faults))

    def get(self, text: str) -> Run:
        """Return the run that `text` names: its key, the beginning or end of it, or ``last``.

        Raises
        ------
        FileError
            When there is none or several, or its entry cannot be read.
        """
        return self._read(self.key_of(text))

    def key_of(self, text: str, removed: bool = False) -> str:
        """Return the key that `text` names, whether or not its entry can be read; see `get`."""
        keys = list(self._keys(self.folder / _REMOVED if removed else self.folder))
        found = [key for key in keys if text and (key.startswith(text) or key.endswith(text))]
        if text == "last":
            found = keys[-1:]  # a key begins with the time
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(found[:_NAMED])
            raise FileError(text, f"{len(found)} runs are called so ({several}); give more of the name.")
        listing = f"tinyml runs list{' --removed' * removed}"
        raise FileError(text, f"there is no such run; `{listing}` tells their names.")

    def weights(self, key: str) -> Path | None:
        """Return the model file of a run; None if it has made room for later ones."""
        place = self.folder / (key + _WEIGHTS)
        return place if is_file(place) else None

    def model(self, key: str) -> Model:
        """Return the model that came of a run; raise `FileError` if its weights are gone or damaged."""
        place = self.weights(key)
        if place is None:
            raise FileError(key, "its weights have made room for those of later runs; train it again.")
        return model_file.load(place)

    def note(self, key: str, text: str) -> Run:
        """Replace the user's note on a run, and return the run."""
        with self._changing(key):
            run = self._read(key).noted(text)
            self._write(run)
        return run

    def measured(self, key: str, metrics: Metrics) -> None:
        """Add what the model of a run achieves on test images."""
        with self._changing(key):
            run = self._read(key)
            self._write(replace(run, record=replace(run.record, metrics=metrics)))

    def remove(self, key: str) -> None:
        """Take a run out of the history until `bring_back`; its weights are the first to make room."""
        self._move(key, self.folder, self.folder / _REMOVED)

    def bring_back(self, key: str) -> None:
        """Undo `remove`."""
        self._move(key, self.folder / _REMOVED, self.folder)

    def removed(self) -> list[str]:
        """Return the keys of the runs that can be brought back."""
        return list(self._keys(self.folder / _REMOVED))

    def _keys(self, folder: Path) -> Iterator[str]:
        with file_faults(folder), suppress(FileNotFoundError):
            entries = [place.stem for place in folder.iterdir() if place.suffix == _ENTRY]
            yield from sorted(filter(_KEY.fullmatch, entries))

    def _entry(self, key: str) -> Path:
        return self.folder / (key + _ENTRY)

    def _read(self, key: str) -> Run:
        place = self._entry(key)
        try:
            return Run.from_bytes(key, read_limited(place, _MOST_JSON))
        except FieldError as error:
            raise FileError(place, str(error)) from error

    def _write(self, run: Run) -> None:
        write_bytes(self._entry(run.key), json.dumps(run.to_json(), indent=1, allow_nan=False).encode())

    def _changing(self, key: str) -> AbstractContextManager[None]:
        return claimed(self.folder / f".{key}.lock", key, _TAKEN)

    @staticmethod
    def _move(key: str, source: Path, target: Path) -> None:
        """Move the weights of a run, if it has any, and then its entry: with that it is removed or back."""
        with file_faults(source / (key + _ENTRY)):
            target.mkdir(exist_ok=True)
            with suppress(FileNotFoundError):
                (source / (key + _WEIGHTS)).replace(target / (key + _WEIGHTS))
            (source / (key + _ENTRY)).replace(target / (key + _ENTRY))

    def _limit(self, newest: str) -> None:
        """Delete weights until the others have room: first those of removed runs, then the oldest."""
        places = [
            place
            for folder in (self.folder, self.folder / _REMOVED)
            for place in sorted(folder.glob("*" + _WEIGHTS), reverse=True)
            if _KEY.fullmatch(place.stem)
        ]
        total = 0
        for place in places:
            with suppress(OSError):  # another program may have deleted it
                total += place.stat().st_size
                if total > self._most_bytes and place.stem != newest:
                    place.unlink()

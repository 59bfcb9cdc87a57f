"""A sweep of an earlier start of the program, which can go on: its description lies beside its table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.data import Dataset
from engine.errors import FieldError, TrainingError
from engine.files import file_faults
from engine.sweep.description import Sweep
from engine.sweep.presets import load_described
from engine.words import short
from tinyml_gui.viewmodels.starts import data_title
from tinyml_gui.viewmodels.sweep.results import fields_of_sweep

__all__ = ["DESCRIPTION", "TABLE", "Earlier", "check_data", "description", "read_earlier"]

TABLE, DESCRIPTION = ".csv", ".json"  #: how the names of both files of a sweep end


@dataclass(frozen=True)
class Earlier:
    """A sweep that began earlier.

    Attributes
    ----------
    name : str
        That of its files, without the end.
    sweep : Sweep
    data : str
        Name or folder of its data set.
    done : int
        How many rows its table has.
    """

    name: str
    sweep: Sweep
    data: str
    done: int

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to train."""
        return self.done >= self.sweep.count

    @property
    def title(self) -> str:
        """What it was about and how far it is, in a line."""
        sweep, train = self.sweep, self.sweep.recipe.train
        fields = " × ".join(field.title for field in fields_of_sweep(sweep)) or "one network"
        epochs = f", {train.epochs} epoch{'s' if train.epochs > 1 else ''}"
        if any("train.epochs" in axis.paths for axis in sweep.axes):
            epochs = ""
        what = " ".join((sweep.name, *_same(sweep)))
        where = f"{self.done:,} of {sweep.count:,} networks"
        return f"Earlier: {what}, {fields}{epochs} on {data_title(self.data)}, {where}"


def description(sweep: Sweep, data: str) -> bytes:
    """Return what `read_earlier` reads."""
    return json.dumps({"sweep": sweep.to_json(), "data": data}, indent=1).encode()


def read_earlier(path: Path) -> Earlier:
    """Read the description at `path`; raise `FileError` if it is none, or has no table."""
    sweep, data = load_described(path, _parsed)
    with file_faults(path), path.with_suffix(TABLE).open("rb") as table:
        rows = sum(1 for _ in table) - 1
    return Earlier(path.stem, sweep, data, max(0, rows))


def check_data(name: str, sweep: Sweep, data: Dataset) -> None:
    """Raise `TrainingError` unless the files `name` are those of the sweep on `data`."""
    if not name.endswith(f"-{sweep.fingerprint(data)}"):
        raise TrainingError(
            f"{data.name} has changed since this sweep began, or it is another data set; begin a new sweep."
        )


def _parsed(value: object, name: str) -> tuple[Sweep, str]:
    if not isinstance(value, Mapping) or not isinstance(value.get("data"), str):
        raise FieldError("data", "The description of a sweep must be an object with a sweep and its data.")
    return Sweep.from_json(value.get("sweep"), name), value["data"]


def _same(sweep: Sweep) -> list[str]:
    """Return the words that an axis has in common for all its values, such as an activation function."""
    columns = (column for axis in sweep.axes for column in zip(*axis.values, strict=True))
    return [
        short(column[0], 30) for column in columns if len(set(column)) == 1 and isinstance(column[0], str)
    ]

"""Imported data sets: a folder of IDX files and a manifest, `MANIFEST`, that says what they are.

The manifest names the classes, says where the data come from and what was done to them. Colour images are
IDX files of four dimensions, the channels last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import MAX_CLASSES, Dataset
from engine.data.idx import read_idx
from engine.errors import DataError
from engine.files import is_file, read_limited
from engine.words import is_text

__all__ = [
    "MANIFEST",
    "Manifest",
    "count_imported",
    "is_imported",
    "load_imported",
    "part_files",
    "read_manifest",
]

MANIFEST = "dataset.json"
_FORMAT = 1
_MAX_BYTES = 1 << 18
_STEMS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class Manifest:
    """What is known of an imported data set.

    Attributes
    ----------
    origin, kind : str
        The name of what was imported, and what it was taken for.
    imported : str
        The date, as in 2026-12-01.
    sha256 : str
        Of images and labels of all parts, in the order of `images`.
    classes : tuple of str
    images : mapping of str to int
        The number of images of each part.
    notes : tuple of str
        What was assumed, changed or left out, one sentence each.
    """

    origin: str
    kind: str
    imported: str
    sha256: str
    classes: tuple[str, ...]
    images: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the content of the file `MANIFEST`."""
        return (json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        """Read what `to_json` wrote; raise `ValueError` for anything else."""
        values: Any = json.loads(content)
        if not isinstance(values, dict) or values.get("format") != _FORMAT:
            raise ValueError(f'its "format" is not {_FORMAT}')
        texts = {key: _text(values, key) for key in ("origin", "kind", "imported", "sha256")}
        classes = tuple(_texts(values.get("classes")))
        if not 2 <= len(set(classes)) == len(classes) <= MAX_CLASSES:
            raise ValueError(f"its classes are not 2 to {MAX_CLASSES} different names")
        images = values.get("images")
        if not isinstance(images, dict) or not all(type(count) is int for count in images.values()):
            raise ValueError("it does not say how many images each part has")
        return cls(**texts, classes=classes, images=images, notes=tuple(_texts(values.get("notes", []))))


def is_imported(folder: Path) -> bool:
    """Return whether `folder` holds a data set that was imported."""
    return is_file(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """Return what is known of the data set in `folder`.

    Raises
    ------
    DataError
        When the manifest is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        return Manifest.from_json(read_limited(path, _MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise DataError(
            path, f"this is no description of a data set ({error}); import the data again."
        ) from error


def part_files(folder: Path, part: str, channels: int) -> tuple[Path, Path]:
    """Return the paths of images and labels of `part`."""
    images = f"{_STEMS[part]}-images-idx{3 if channels == 1 else 4}-ubyte"
    return folder / images, folder / f"{_STEMS[part]}-labels-idx1-ubyte"


def load_imported(folder: Path, part: str, name: str) -> Dataset:
    """Read "train" or "test" of the data set in `folder`.

    Raises
    ------
    DataError
        When it has no such part, or a file is missing or damaged.
    """
    manifest = read_manifest(folder)
    if part not in manifest.images:
        raise DataError(
            folder, f"this data set has no {part} part; import it again with a share for testing."
        )
    path, labels_path = part_files(folder, part, 1)
    images = _as_feature_maps(path) if is_file(path) else read_idx(part_files(folder, part, 3)[0], 4)
    return Dataset(name, images, read_idx(labels_path, 1), manifest.classes)


def count_imported(folder: Path, part: str) -> int | None:
    """Return how many images of `part` the manifest states; None if there are none, or it is damaged."""
    try:
        return read_manifest(folder).images.get(part)
    except DataError:
        return None


def _as_feature_maps(path: Path) -> NDArray[np.uint8]:
    return read_idx(path, 3)[..., np.newaxis]


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if not is_text(value):
        raise ValueError(f'"{key}" is no text of at most 200 characters')
    return str(value)


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("its classes or notes are no lists of texts")
    return values

"""IDX files under any of the names in use, also one folder deeper than they should be.

A name such as ``Train-Images.idx3-ubyte.GZ`` or ``emnist-letters-train-images-idx3-ubyte`` says the part and
whether it holds images or labels; a mapping file beside it names the classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.data.folders import class_names
from engine.data.idx import read_idx
from engine.data.importing.found import Found, Part, Progress
from engine.data.importing.options import ImportOptions
from engine.errors import DataError
from engine.files import is_folder

__all__ = ["holds_idx", "read_idx_files"]

_NAME = re.compile(
    r"(?P<family>.*?)(?P<part>train|test|t10k)[-._]?(?P<what>images|labels)[-._]idx[13][-._]ubyte(\.gz)?",
    re.IGNORECASE,
)
_DEEPEST = 2


def holds_idx(path: Path) -> bool:
    """Return whether `path` is a folder with images and labels in IDX files."""
    return is_folder(path) and "train" in _pairs(path)


def read_idx_files(path: Path, options: ImportOptions, progress: Progress) -> Found:
    """Read every part that has both images and labels; see the module."""
    pairs = _pairs(path)
    parts = {}
    for done, (part, pair) in enumerate(pairs.items()):
        images, labels = read_idx(pair["images"], 3), read_idx(pair["labels"], 1)
        if len(images) != len(labels):
            raise DataError(
                pair["labels"],
                f"there are {len(labels):,} labels, but {len(images):,} images in {pair['images'].name}.",
            )
        parts[part] = Part(images[..., np.newaxis], labels.astype(np.int64))
        progress(done + 1, len(pairs))
    return Found(parts, names=_names_beside(path))


def _pairs(root: Path) -> dict[str, dict[str, Path]]:
    """Return the files of images and labels of each whole part of the first family of names."""
    families: dict[str, dict[str, dict[str, Path]]] = {}
    for file in _files(root, _DEEPEST):
        if match := _NAME.fullmatch(file.name):
            part = "train" if match["part"].lower() == "train" else "test"
            family = families.setdefault(match["family"].lower(), {})
            family.setdefault(part, {})[match["what"].lower()] = file
    for _, parts in sorted(families.items()):
        whole = {part: pair for part, pair in parts.items() if pair.keys() == {"images", "labels"}}
        if "train" in whole:
            return whole
    return {}


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif depth and path.is_dir():
            yield from _files(path, depth - 1)


def _names_beside(root: Path) -> dict[int, str]:
    mapping = next(
        (file for file in _files(root, _DEEPEST) if file.name.lower().endswith("mapping.txt")), None
    )
    return class_names(mapping) if mapping else {}

"""Read folders of IDX files, which are recognised by the file names of MNIST and EMNIST.

Each `Convention` says how the files of a part are named, whether images are stored transposed, and which file
names the classes. Files may be plain or end in ``.gz``; some mirrors write a dot instead of the dash before
``idx``.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.data.idx import idx_shape, read_idx, set_upright
from engine.data.imported import count_imported, is_imported, load_imported
from engine.errors import DataError
from engine.files import is_file, is_folder, read_limited
from engine.shapes import describe_shape

__all__ = ["DIGITS", "PARTS", "Convention", "class_names", "count_images", "holds_data", "load_folder"]

PARTS = ("train", "test")
DIGITS = tuple("0123456789")
_EMNIST_SPLITS = ("balanced", "byclass", "bymerge", "letters", "digits", "mnist")
_MAX_MAPPING_BYTES = 65_536


@dataclass(frozen=True)
class Convention:
    """How one family of data sets names and stores its files.

    Attributes
    ----------
    prefixes : mapping of str to str
        The start of the file names of each part ("train", "test").
    transposed : bool
        Whether rows and columns are swapped in the file.
    mapping : str
        The file that names the classes; empty if they are the ten digits.
    """

    prefixes: Mapping[str, str]
    transposed: bool = False
    mapping: str = ""

    def find(self, folder: Path, part: str) -> tuple[Path, Path] | None:
        """Return the paths of images and labels of `part`; None if one is missing."""
        images = _find_file(folder, f"{self.prefixes[part]}-images", "idx3-ubyte")
        labels = _find_file(folder, f"{self.prefixes[part]}-labels", "idx1-ubyte")
        return (images, labels) if images and labels else None

    def load(self, folder: Path, part: str, name: str, pair: tuple[Path, Path]) -> Dataset:
        """Read one part from its `pair` of files; images are set upright, labels become class indices."""
        images, labels = read_idx(pair[0], 3), read_idx(pair[1], 1)
        if len(images) != len(labels):
            raise DataError(
                pair[1], f"there are {len(labels):,} labels, but {pair[0].name} holds {len(images):,} images."
            )
        classes = DIGITS
        if self.mapping:
            classes, lookup = _read_mapping(folder / self.mapping)
            labels = _translate(labels, lookup, pair[1])
        elif int(labels.max()) >= len(classes):
            raise DataError(pair[1], f"a label is {labels.max()}; only the digits 0 to 9 are expected.")
        if self.transposed:
            _check_square(images, pair[0])
            set_upright(images)
        return Dataset(name, images[..., np.newaxis], labels, classes)


CONVENTIONS = (
    Convention({"train": "train", "test": "t10k"}),
    *(
        Convention({part: f"emnist-{split}-{part}" for part in PARTS}, True, f"emnist-{split}-mapping.txt")
        for split in _EMNIST_SPLITS
    ),
)


def holds_data(folder: Path) -> bool:
    """Return whether `folder` holds at least one complete part of a known convention, or imported data."""
    return is_imported(folder) or any(
        convention.find(folder, part) for convention in CONVENTIONS for part in PARTS
    )


def count_images(folder: Path, part: str) -> int | None:
    """Return the number of images of `part` that its header declares, or None if it cannot be read.

    A damaged file raises no error here, because data sets are only listed; loading reports the damage.
    """
    if is_imported(folder):
        return count_imported(folder, part)
    for convention in CONVENTIONS:
        pair = convention.find(folder, part)
        if pair:
            with suppress(DataError):
                return idx_shape(pair[0], 3)[0]
    return None


def load_folder(folder: str | os.PathLike[str], part: str, name: str | None = None) -> Dataset:
    """Read "train" or "test" from a folder of IDX files.

    Parameters
    ----------
    folder : path-like
    part : str
        "train" or "test".
    name : str, optional
        The data set's name; the folder's path by default.

    Raises
    ------
    DataError
        When the folder or the part is missing or damaged, or its training and test images differ in size.
    """
    root = Path(folder)
    if not is_folder(root):
        raise DataError(folder, "there is no such folder; give the folder that holds the IDX files.")
    if is_imported(root):
        return load_imported(root, part, name or os.fspath(folder))
    for convention in CONVENTIONS:
        pair = convention.find(root, part)
        if pair:
            if part == "train":
                _check_sizes(root, convention)
            return convention.load(root, part, name or os.fspath(folder), pair)
    raise DataError(
        folder,
        f"no {part} part was found; expected MNIST or EMNIST files such as "
        f"{CONVENTIONS[0].prefixes.get(part, part)}-images-idx3-ubyte.gz with their labels.",
    )


def class_names(mapping: Path) -> dict[int, str]:
    """Return what the labels of an EMNIST mapping file stand for."""
    return {label: chr(code) for label, code in _mapping_lines(mapping)}


def _check_sizes(folder: Path, convention: Convention) -> None:
    """Raise `DataError` if test images have another size, which else would be noticed after the training."""
    sizes = {}
    for part in PARTS:
        with suppress(DataError):  # what is damaged or missing is reported when it is read
            pair = convention.find(folder, part)
            if pair:
                sizes[part] = idx_shape(pair[0], 3)[1:]
    if len(set(sizes.values())) > 1:
        train, test = (describe_shape(sizes[part]) for part in PARTS)
        raise DataError(
            folder, f"the training images are {train}, but the test images {test}; make them equally large."
        )


def _find_file(folder: Path, stem: str, ending: str) -> Path | None:
    names = (f"{stem}{mark}{ending}{packed}" for mark in "-." for packed in ("", ".gz"))
    return next((folder / name for name in names if is_file(folder / name)), None)


def _read_mapping(path: Path) -> tuple[tuple[str, ...], NDArray[np.int16]]:
    """Read EMNIST's class names: lines of "label code [code of the lower case]".

    Returns the classes in the order of their labels and a table from a label (which starts at 1 in the
    "letters" split) to its index, −1 where there is none, shape (256,).
    """
    if not is_file(path):
        raise DataError(path, "this file is missing; it names the classes and belongs beside the images.")
    lookup = np.full(256, -1, dtype=np.int16)
    classes = []
    for index, (label, code) in enumerate(sorted(_mapping_lines(path))):
        if lookup[label] >= 0:
            raise DataError(path, f"label {label} is named twice.")
        lookup[label] = index
        classes.append(chr(code))
    return tuple(classes), lookup


def _mapping_lines(path: Path) -> list[tuple[int, int]]:
    lines = []
    for number, line in enumerate(
        read_limited(path, _MAX_MAPPING_BYTES).removeprefix(codecs.BOM_UTF8).splitlines(), start=1
    ):
        if not line.strip():
            continue
        try:
            label, code = (int(word) for word in line.split()[:2])
        except ValueError:
            raise DataError(path, f"line {number} is not a label and a character code.") from None
        if not (0 <= label <= 255 and 32 < code < 0xD800):
            raise DataError(path, f"line {number} has a label or a character code out of range.")
        lines.append((label, code))
    return lines


def _translate(labels: NDArray[np.uint8], lookup: NDArray[np.int16], path: Path) -> NDArray[np.uint8]:
    indices = lookup[labels]
    if indices.min() < 0:
        wrong = int(labels[indices < 0][0])
        known = int(lookup.max()) + 1
        raise DataError(path, f"label {wrong} is not one of the {known} classes of the mapping file.")
    return indices.astype(np.uint8)


def _check_square(images: NDArray[np.uint8], path: Path) -> None:
    _, rows, columns = images.shape
    if rows != columns:
        raise DataError(path, f"EMNIST images are square, but these are {rows} × {columns}.")

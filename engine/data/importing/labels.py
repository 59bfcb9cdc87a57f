"""Labels of any kind become indices of classes: numbers, texts, or one-hot rows."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import MAX_CLASSES
from engine.data.importing.found import Labels
from engine.errors import DataError
from engine.words import short

__all__ = ["index_labels", "read_labels"]

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_MOSTLY = 0.9  # share of labels that are numbers, from which on all must be

Path = str | os.PathLike[str]


def read_labels(array: NDArray[Any], path: Path) -> Labels:
    """Return the labels in `array`, shape (n,): whole numbers, texts, bytes, or one-hot rows.

    Raises
    ------
    DataError
        When it is none of these, or a number is not whole; the sentence names the first such row.
    """
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.shape[1] > 1:
        return _from_one_hot(array, path)
    if array.ndim != 1:
        raise DataError(path, f"labels have one dimension, but these have {array.ndim}.")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        return _from_texts(array, path)
    if array.dtype.kind not in "biuf":
        raise DataError(path, f"labels are whole numbers or texts, but these are {array.dtype}.")
    return _whole(array, path)


def index_labels(
    parts: Sequence[Labels], names: Sequence[str], known: Mapping[int, str], path: Path
) -> tuple[tuple[str, ...], list[NDArray[np.uint8]]]:
    """Return the classes of all parts together, and the labels of each part as indices into them.

    Parameters
    ----------
    parts : sequence of ndarray
        The labels of each part.
    names : sequence of str
        What the user calls the labels, in their order; may be empty.
    known : mapping of int to str
        What the data call number labels; may be empty.
    path : path-like
        For messages.

    Raises
    ------
    DataError
        For too few or too many classes, or names that do not fit them.
    """
    if len({part.dtype.kind for part in parts}) > 1:
        parts = [part.astype(np.str_) for part in parts]
    values = np.unique(np.concatenate(parts))
    if len(values) > MAX_CLASSES:
        raise DataError(
            path,
            f"there are {len(values):,} different labels; at most {MAX_CLASSES} classes are supported. "
            "Are these the labels?",
        )
    classes = tuple(names) or tuple(_name(value, known) for value in values)
    if len(classes) != len(values):
        raise DataError(
            path, f"{len(classes)} class names were given, but there are {len(values)} different labels."
        )
    if len(classes) < 2:
        raise DataError(path, f"all images have the label {classes[0]}; a network needs two classes.")
    if len(set(classes)) < len(classes):
        raise DataError(path, "two classes have the same name; give each its own.")
    return classes, [np.searchsorted(values, part).astype(np.uint8) for part in parts]


def _from_texts(texts: NDArray[np.str_], path: Path) -> Labels:
    """Return numbers where all texts are; a few texts among numbers are slips, no names of classes."""
    texts = np.char.strip(texts)
    missing = np.char.str_len(texts) == 0
    if missing.any():
        raise DataError(path, f"image {int(missing.argmax())} has no label.")
    values, places = np.unique(texts, return_inverse=True)
    are_numbers = np.array([_NUMBER.fullmatch(value) is not None for value in values])[places]
    if are_numbers.all():
        return _whole(texts.astype(np.float64), path)
    if are_numbers.mean() > _MOSTLY:
        row = int((~are_numbers).argmax())
        raise DataError(
            path, f"the label of image {row} is {short(texts[row], 20)!r}, but the others are numbers."
        )
    return texts


def _name(value: Any, known: Mapping[int, str]) -> str:
    if isinstance(value, np.str_):
        return short(value.strip(), 40) or "(empty)"
    return known.get(int(value), str(int(value)))


def _from_one_hot(rows: NDArray[Any], path: Path) -> Labels:
    if rows.dtype.kind not in "biuf":
        raise DataError(path, f"one-hot labels are numbers, but these are {rows.dtype}.")
    wrong = (np.count_nonzero(rows, axis=1) != 1) | (rows.max(axis=1) != 1)
    if wrong.any():
        raise DataError(path, f"the label of image {int(wrong.argmax())} is no one-hot row: one 1, else 0.")
    indices: NDArray[np.int64] = rows.argmax(axis=1).astype(np.int64)
    return indices


def _whole(numbers: NDArray[Any], path: Path) -> NDArray[np.int64]:
    wrong = ~np.isfinite(numbers) | (numbers != np.floor(numbers)) | (np.abs(numbers) > 1 << 31)
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(path, f"the label of image {row} is {numbers[row]:g}, which is no whole number.")
    return numbers.astype(np.int64)

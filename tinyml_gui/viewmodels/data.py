"""What the Data page shows: figures, classes and findings of a data set, and which images are listed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data import Dataset
from engine.data.inspection import NOTHING_WRONG
from engine.shapes import describe_shape
from engine.words import short
from tinyml_gui.viewmodels.quantities import percent

if TYPE_CHECKING:
    from engine.data.inspection import Inspection

__all__ = [
    "ClassRow",
    "class_rows",
    "facts",
    "findings_words",
    "import_words",
    "places_of",
    "proposed_name",
    "tile_words",
]


@dataclass(frozen=True)
class ClassRow:
    """One class: its name, how many images it has, and their share of the largest class."""

    name: str
    count: int
    words: str
    share: float


def class_rows(inspection: Inspection) -> tuple[ClassRow, ...]:
    """Return a row for each class, in the order of the labels."""
    sizes = inspection.class_sizes
    total, most = sum(sizes.values()), max(sizes.values())
    return tuple(
        ClassRow(short(name, 12), count, f"{count:,} · {percent(count / total)}", count / most)
        for name, count in sizes.items()
    )


def facts(train: Dataset, test_images: int | None) -> str:
    """Return what a data set holds, in one line."""
    testing = "no test images" if test_images is None else f"{test_images:,} to test on"
    return f"{testing} · {describe_shape(train.image_shape)} · {len(train.classes)} classes"


def findings_words(inspection: Inspection) -> str:
    """Return what looks wrong, a line each."""
    return "\n".join(inspection.findings) or NOTHING_WRONG


def import_words(importing: str, imported: str, notes: Sequence[str]) -> str:
    """Return what is said of an import: that it goes on, or what it made of the data."""
    if importing:
        return f"Importing {short(importing, 40)}…"
    return " ".join((f"Imported as {imported}.", *notes)) if imported else ""


def places_of(data: Dataset, label: int | None) -> NDArray[np.intp]:
    """Return the places of the images of a class, or of all where `label` is None."""
    return np.arange(len(data)) if label is None else np.flatnonzero(data.labels == label)


def tile_words(data: Dataset, place: int) -> str:
    """Return what an image is, for screen readers and the line below the images."""
    return f"Image {place:,}: {short(data.classes[int(data.labels[place])], 40)}"


def proposed_name(file_name: str, taken: Container[str]) -> str:
    """Return a name for a data set that is imported from `file_name`, unlike those that are `taken`."""
    stem = PurePath(file_name).name.split(".")[0]
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:40] or "data"
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)

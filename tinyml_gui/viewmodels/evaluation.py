"""What the Evaluate page shows of an assessment: matrix, figures of the classes, and words for images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.insight import Assessment
from engine.words import short
from tinyml_gui.viewmodels.quantities import percent

__all__ = [
    "CLASS_HEADS",
    "Matrix",
    "Selection",
    "class_rows",
    "head_words",
    "image_words",
    "pairs_words",
    "selection_words",
]

CLASS_HEADS = ("Class", "Images", "Precision", "Recall", "F1")
_NAME = 12  # characters of a class that are shown
_PAIRS = 3


@dataclass(frozen=True)
class Selection:
    """Which images are listed: those of a cell of the matrix, the mistakes of a class, or all mistakes.

    Attributes
    ----------
    label, predicted : int or None
        True and predicted class; None for the mistakes of all.
    """

    label: int | None = None
    predicted: int | None = None

    def images(self, found: Assessment) -> NDArray[np.intp]:
        """Return the indices of the images, those first that deserve a look."""
        if self.label is None or self.predicted is None:
            return found.mistakes(self.label, self.predicted)
        return found.cell(self.label, self.predicted)


@dataclass(frozen=True, eq=False)
class Matrix:
    """The confusion matrix in an order of classes.

    Attributes
    ----------
    found : Assessment
    by_mistakes : bool
        Whether classes with many mistakes come first; otherwise they are as labelled.
    as_shares : bool
        Whether cells say per cent of their row, not counts.
    """

    found: Assessment
    by_mistakes: bool = False
    as_shares: bool = False

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The labels of rows and columns."""
        confusion = self.found.confusion
        if not self.by_mistakes:
            return np.arange(len(confusion))
        right = np.diagonal(confusion)
        wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * right
        return np.argsort(-wrong, kind="stable")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The classes of rows and columns."""
        return tuple(short(self.found.classes[label], _NAME) for label in self.order)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The share of its row in each cell, 0 … 1."""
        counts = self.found.confusion[np.ix_(self.order, self.order)]
        rows = counts.sum(axis=1, keepdims=True)
        return np.asarray(counts / np.maximum(rows, 1), np.float64)

    def text(self, row: int, column: int) -> str:
        """Return what stands in a cell; empty for none."""
        count = int(self.found.confusion[self.order[row], self.order[column]])
        if not count:
            return ""
        return f"{100 * self.shares[row, column]:.1f}" if self.as_shares else str(count)

    def selection(self, row: int, column: int) -> Selection:
        """Return what a cell selects."""
        return Selection(int(self.order[row]), int(self.order[column]))

    def words(self, row: int, column: int) -> str:
        """Say what a cell is, in one sentence."""
        return selection_words(self.found, self.selection(row, column))


def selection_words(found: Assessment, selection: Selection) -> str:
    """Say which images are selected."""
    if selection.label is None or selection.predicted is None:
        count = len(selection.images(found))
        of = "" if selection.label is None else f" of {short(found.classes[selection.label], _NAME)}"
        return (
            f"All {count:,} mistakes{of}, the surest first"
            if count
            else f"No image{of} is classified wrongly"
        )
    true, said = (short(found.classes[label], _NAME) for label in (selection.label, selection.predicted))
    count = int(found.confusion[selection.label, selection.predicted])
    images = f"{count:,} image{'s' * (count != 1)}"
    if true == said:
        return f"{images} of {true} classified rightly, the least sure first"
    return f"{images} of {true} taken for {said}"


def pairs_words(found: Assessment) -> str:
    """Say which classes are confused most."""
    names = [short(name, _NAME) for name in found.classes]
    pairs = [
        f"{names[label]} taken for {names[predicted]} ({images:,})"
        for label, predicted, images in found.confusions[:_PAIRS]
    ]
    return f"Most often: {', '.join(pairs)}" if pairs else "Every image is classified rightly"


def head_words(found: Assessment, data: str, numbers: str) -> tuple[str, str]:
    """Return the key figure, and what it is of."""
    low, high = (percent(bound, 2) for bound in found.interval)
    return percent(
        found.accuracy, 2
    ), f"{low} to {high} with 95 % certainty · {len(found.labels):,} images of {data}, {numbers}"


def class_rows(found: Assessment) -> Sequence[tuple[str, ...]]:
    """Return the cells of each class below `CLASS_HEADS`."""
    return [
        (short(c.name, _NAME), f"{c.images:,}", *(percent(share) for share in (c.precision, c.recall, c.f1)))
        for c in found.by_class
    ]


def image_words(found: Assessment, index: int) -> str:
    """Say what is known of an image."""
    true, said = (short(found.classes[int(at[index])], _NAME) for at in (found.labels, found.predictions))
    sure = percent(float(found.confidence[index]))
    verdict = f"{true}, {sure} sure" if true == said else f"{true} taken for {said}, {sure} sure"
    return f"Image {index + 1:,}: {verdict}"

"""What a network made of a set of images, and every figure that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.insight.confidence import Reliability, interval, reliability
from engine.training.metrics import confusion_matrix, precision_recall

__all__ = ["Assessment", "ClassFigures", "Confusion"]


class ClassFigures(NamedTuple):
    """One class: how many images it has, and how well they are told from the others, 0 … 1."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


class Confusion(NamedTuple):
    """So many images of the class `label` are taken for `predicted`."""

    label: int
    predicted: int
    images: int


@dataclass(frozen=True, eq=False)
class Assessment:
    """The answers to all images of a set.

    Attributes
    ----------
    classes : sequence of str
    labels : ndarray of integers, shape (n,)
    probabilities : ndarray of float32, shape (n, classes)
    """

    classes: Sequence[str]
    labels: NDArray[np.integer]
    probabilities: NDArray[np.float32]

    @cached_property
    def predictions(self) -> NDArray[np.intp]:
        """The class that is chosen for each image."""
        return np.asarray(self.probabilities.argmax(axis=1), np.intp)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of that class."""
        found: NDArray[np.float32] = self.probabilities.max(axis=1, initial=0)
        return found

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which images are classified correctly."""
        return np.asarray(self.predictions == self.labels, bool)

    @property
    def accuracy(self) -> float:
        """The share of them."""
        return float(self.right.mean()) if len(self.right) else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true accuracy is, 95 times out of 100."""
        return interval(int(self.right.sum()), len(self.right))

    @property
    def top_2(self) -> float:
        """The share of images whose class is among the two with the highest probabilities."""
        own = np.take_along_axis(self.probabilities, self.labels[:, None].astype(np.intp), axis=1)
        above = (self.probabilities > own).sum(axis=1)
        return float((above < 2).mean()) if len(above) else 0.0

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Counts, (classes, classes); rows are the true classes, columns the predicted ones."""
        return confusion_matrix(self.predictions, self.labels, len(self.classes))

    @cached_property
    def by_class(self) -> tuple[ClassFigures, ...]:
        """The figures of each class, in the order of the labels."""
        precision, recall = precision_recall(self.confusion)
        both = precision + recall
        f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
        images = self.confusion.sum(axis=1)
        rows = zip(
            self.classes, images.tolist(), precision.tolist(), recall.tolist(), f1.tolist(), strict=True
        )
        return tuple(ClassFigures(*row) for row in rows)

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have images."""
        recalls = [figures.recall for figures in self.by_class if figures.images]
        return float(np.mean(recalls)) if recalls else 0.0

    @cached_property
    def confusions(self) -> tuple[Confusion, ...]:
        """Which classes are taken for which, the most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
        labels, predicted = np.unravel_index(order, wrong.shape)
        cells = zip(labels.tolist(), predicted.tolist(), strict=True)
        return tuple(Confusion(a, b, int(wrong[a, b])) for a, b in cells)

    @cached_property
    def reliability(self) -> Reliability:
        """How often the network is right when it is so sure."""
        return reliability(self.confidence, self.right)

    def mistakes(self, label: int | None = None, predicted: int | None = None) -> NDArray[np.intp]:
        """Return the images that are classified wrongly, the surest first; of one class, if it is given."""
        return self._ordered(~self.right, label, predicted)

    def cell(self, label: int, predicted: int) -> NDArray[np.intp]:
        """Return the images of a cell of the confusion matrix, those first that deserve a look.

        Of mistakes these are the surest, of images that are classified correctly the least sure.
        """
        found = self._ordered(np.ones(len(self.labels), bool), label, predicted)
        return found[::-1] if label == predicted else found

    def _ordered(
        self, wanted: NDArray[np.bool_], label: int | None, predicted: int | None
    ) -> NDArray[np.intp]:
        if label is not None:
            wanted = wanted & (self.labels == label)
        if predicted is not None:
            wanted = wanted & (self.predictions == predicted)
        found = np.flatnonzero(wanted)
        return found[np.argsort(-self.confidence[found], kind="stable")]

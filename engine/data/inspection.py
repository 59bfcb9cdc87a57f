"""What a person should know of a data set before training on it: its classes, and what looks wrong.

A training says what must be known before it starts (`engine.data.check`). This looks longer, also at what
the training and the test part have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.data.check import doubts, fault, shifted_labels
from engine.data.dataset import Dataset

__all__ = ["NOTHING_WRONG", "Inspection", "inspect"]

NOTHING_WRONG = "Nothing looks wrong."
FEW = 10  # images of a class; fewer hardly show what it looks like
UNEVEN = 5  # times as many images of one class as of another, from which on accuracy misleads


@dataclass(frozen=True)
class Inspection:
    """What was seen in a data set.

    Attributes
    ----------
    class_sizes : mapping of str to int
        The number of training images of each class, in the order of the labels.
    findings : tuple of str
        What looks wrong, with a remedy, one sentence each; the gravest first.
    """

    class_sizes: Mapping[str, int]
    findings: tuple[str, ...]


def inspect(train: Dataset, test: Dataset | None) -> Inspection:
    """Look at the training part and, where there is one, at the test part.

    Takes about a second for 70,000 images of 28 × 28.
    """
    sizes = dict(
        zip(train.classes, np.bincount(train.labels, minlength=len(train.classes)).tolist(), strict=True)
    )
    known = _Known(train)
    findings = [fault(train), *doubts(train), *_few_or_uneven(sizes), *known.repeated()]
    if test is not None:
        findings += [_other_size(train, test), shifted_labels(train, test), known.also_in(test)]
    return Inspection(sizes, tuple(finding for finding in findings if finding))


def _few_or_uneven(sizes: Mapping[str, int]) -> list[str]:
    present = {name: count for name, count in sizes.items() if count}
    few = [f"{name} ({count})" for name, count in present.items() if count < FEW]
    if few:
        return [f"These classes have fewer than {FEW} images: {', '.join(few[:8])}; add some of each."]
    if max(present.values()) > UNEVEN * min(present.values()):
        return ["Some classes have many more images than others: look at the balanced accuracy too."]
    return []


def _other_size(train: Dataset, test: Dataset) -> str:
    if train.image_shape == test.image_shape:
        return ""
    return "Images to test on have another size than those to train on; make them equally large."


class _Known:
    """The training images by their bytes, so that each is hashed once for all that may repeat it."""

    def __init__(self, train: Dataset) -> None:
        self._labels: dict[bytes, int] = {}
        self._disagreeing = 0
        for image, label in zip(train.images, train.labels.tolist(), strict=True):
            self._disagreeing += self._labels.setdefault(image.tobytes(), label) != label
        self._repeated = len(train) - len(self._labels) - self._disagreeing

    def repeated(self) -> list[str]:
        """Return what is wrong among the training images."""
        found = []
        if self._disagreeing:
            found.append(
                f"{self._disagreeing:,} images repeat another one under another label; look which is right."
            )
        if self._repeated:
            found.append(f"{self._repeated:,} images repeat another one, which gives it more weight.")
        return found

    def also_in(self, test: Dataset) -> str:
        """Return how many of the images to test on are training images too; empty if none is."""
        count = sum(image.tobytes() in self._labels for image in test.images)
        if not count:
            return ""
        return (
            f"{count:,} of the {len(test):,} test images are also training images, so the test accuracy will "
            "be too high; take them out of one part."
        )

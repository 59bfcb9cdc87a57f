"""What looks wrong with data is found and said, and good data give no finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.data import Dataset
from engine.data.inspection import inspect

CLASSES = ("a", "b", "c")


def drawings(count: int = 60, seed: int = 0) -> Dataset:
    """Return images that differ, whose classes have different mean images."""
    labels = (np.arange(count) % len(CLASSES)).astype(np.uint8)
    images = np.random.default_rng(seed).integers(0, 60, (count, 28, 28, 1)).astype(np.uint8)
    for label in range(len(CLASSES)):
        images[labels == label, 5 + 6 * label : 9 + 6 * label, 5:23] += 190
    return Dataset("toy", images, labels, CLASSES)


def findings(train: Dataset, test: Dataset | None = None) -> str:
    return "\n".join(inspect(train, test).findings)


def test_good_data_give_no_finding() -> None:
    inspection = inspect(drawings(), drawings(30, seed=1))
    assert inspection.findings == ()
    assert inspection.class_sizes == {"a": 20, "b": 20, "c": 20}


def relabelled(data: Dataset, labels: np.ndarray) -> Dataset:
    return replace(data, labels=labels.astype(np.uint8))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: replace(data, images=255 - data.images), "invert"),
        (lambda data: data.subset(slice(0, 27)), r"fewer than 10 images: a \(9\)"),
        (lambda data: relabelled(data, (np.arange(60) < 12) * 2), "1 of the 3 classes"),
        (lambda data: data.subset(np.concatenate([np.arange(60), [3, 4]])), "2 images repeat another one,"),
        (lambda data: replace(data, images=np.zeros_like(data.images)), "blank"),
    ],
)
def test_what_is_wrong_is_said(change: Callable[[Dataset], Dataset], words: str) -> None:
    assert re.search(words, findings(change(drawings())))


def test_one_image_with_two_labels_is_found() -> None:
    data = drawings()
    twice = data.subset(np.concatenate([np.arange(60), [0]]))
    wrong = relabelled(twice, np.where(np.arange(61) == 60, 1, twice.labels))
    assert "1 images repeat another one under another label" in findings(wrong)


def test_test_images_that_were_trained_on_are_counted() -> None:
    data = drawings()
    assert "5 of the 5 test images are also training images" in findings(data, data.subset(slice(0, 5)))


def test_test_images_of_another_size_are_found() -> None:
    test = drawings(30, seed=1)
    assert "another size" in findings(drawings(), replace(test, images=test.images[:, :20]))


def test_shifted_labels_are_found() -> None:
    data = drawings()
    assert "do not agree" in findings(relabelled(data, (data.labels + 1) % 3), drawings(30, seed=1))


def test_uneven_classes_are_said() -> None:
    data = drawings(300)
    kept = np.flatnonzero((data.labels == 0) | (np.arange(300) < 45))
    assert "balanced accuracy" in findings(data.subset(kept))

"""Data that teach nothing are refused, and data that look wrong are told about, each in a clear sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue, Dataset
from engine.data.check import doubts, fault, shifted_labels
from engine.data.idx import write_idx
from engine.errors import DataError
from engine.storage.shipped import reader_of
from engine.training.start_check import data_notes, misnamed

STARTER, TEST = (Catalogue().load("starter", part) for part in ("train", "test"))


def rotated(data: Dataset, by: int = 1) -> Dataset:
    """Return `data` with all labels off by so many."""
    return replace(data, labels=((data.labels + by) % len(data.classes)).astype(np.uint8))


def test_good_data_are_not_doubted() -> None:
    assert fault(STARTER) == ""
    assert data_notes(STARTER, TEST, reader_of(STARTER)) == []
    assert data_notes(STARTER) == []


def test_a_single_class_is_a_fault() -> None:
    ones = STARTER.subset(np.flatnonzero(STARTER.labels == 1))
    assert fault(ones) == (
        "All 400 images of starter belong to the class 1; there must be images of two classes at least."
    )


@pytest.mark.parametrize("value", [0, 7, 255])
def test_blank_images_alone_are_a_fault(value: int) -> None:
    blank = replace(STARTER, images=np.full_like(STARTER.images, value))
    assert fault(blank) == "All 4,000 images of starter are blank; there is nothing to learn from."
    blank.images[-1, 9, 9] = 100
    assert fault(blank) == ""


def test_some_blank_images_are_told() -> None:
    images = STARTER.images.copy()
    images[[3, 3000]] = 0
    assert doubts(replace(STARTER, images=images)) == [
        "2 of the 4,000 images of starter are blank, which teaches the network to guess."
    ]


def test_classes_without_images_are_named() -> None:
    few = STARTER.subset(np.flatnonzero(STARTER.labels % 3 == 0))
    assert doubts(few) == [
        "6 of the 10 classes of starter have no image (1, 2, 4, 5, 7, 8): the network will not learn them."
    ]


def test_inverted_images_are_told() -> None:
    inverted = replace(STARTER, images=255 - STARTER.images)
    (note,) = data_notes(inverted, TEST, reader_of(inverted))
    assert note.startswith("4,000 of the 4,000 images of starter are dark on a bright ground")
    images = STARTER.images.copy()
    images[:500] = 255 - images[:500]
    assert doubts(replace(STARTER, images=images))[0].startswith("500 of the 4,000 images")


@pytest.mark.parametrize("by", [1, 9])
def test_labels_that_are_shifted_in_one_part_are_found(by: int) -> None:
    (note,) = data_notes(rotated(STARTER, by), TEST, reader_of(STARTER))
    assert note.startswith("The labels of starter do not agree: compared with the test images")
    assert f"1 look like {(1 - by) % 10}, 2 look like {(2 - by) % 10}" in note
    assert shifted_labels(STARTER.subset(slice(0, 60)), TEST) == ""  # a few images are no evidence


def test_names_that_are_off_by_one_are_found() -> None:
    """Training and test images share the list of names: only who can read sees that it is wrong."""
    both = [replace(data, classes=(*data.classes[1:], "0")) for data in (STARTER, TEST)]
    assert data_notes(*both) == []
    (note,) = data_notes(*both, reader_of(STARTER))
    assert note.startswith(
        "The names of the classes of starter seem to be mixed up: images called 1 look like 0, 2 look like 1"
    )


def test_images_that_nobody_can_read_have_no_wrong_names() -> None:
    noise = np.random.default_rng(0).integers(0, 256, STARTER.images.shape, np.uint8)
    reader = reader_of(STARTER)
    assert reader is not None
    for images in (noise, 255 - STARTER.images, STARTER.images.swapaxes(1, 2)):
        assert misnamed(replace(STARTER, images=images), reader) == ""
    assert shifted_labels(replace(STARTER, images=noise), TEST) == ""


@pytest.mark.parametrize(
    ("classes", "reader"), [("0123456789", "digits"), ("9876543210", "digits"), ("ABCDEFGHIJ", "characters")]
)
def test_a_model_that_knows_the_classes_reads_them(classes: str, reader: str) -> None:
    found = reader_of(replace(STARTER, classes=tuple(classes)))
    assert found is not None
    assert found.name == reader
    assert reader_of(replace(STARTER, classes=tuple("αβγδεζηθικ"))) is None
    assert reader_of(replace(STARTER, images=STARTER.images[:, :20])) is None


def test_images_of_two_sizes_are_refused_with_the_training_images(tmp_path: Path) -> None:
    for prefix, height in (("train", 27), ("t10k", 28)):
        parts = {
            "images-idx3": np.ones((4, height, 28), np.uint8),
            "labels-idx1": np.arange(4, dtype=np.uint8),
        }
        for kind, array in parts.items():
            with (tmp_path / f"{prefix}-{kind}-ubyte").open("wb") as stream:
                write_idx(stream, array)
    with pytest.raises(DataError, match="training images are 27×28, but the test images 28×28"):
        Catalogue().load(str(tmp_path), "train")
    assert len(Catalogue().load(str(tmp_path), "test")) == 4
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(b"damaged")
    assert len(Catalogue().load(str(tmp_path), "train")) == 4

"""Data sets check themselves, and splits keep every class and the seed's promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import Dataset, stratified_split
from engine.data.splits import rest_count
from engine.errors import DataError, FieldError


def dataset(images=(6, 4, 4, 1), labels=6, classes=("a", "b", "c")) -> Dataset:
    return Dataset("toy", np.zeros(images, np.uint8), np.arange(labels, dtype=np.uint8) % 3, classes)


def test_facts() -> None:
    toy = dataset()
    assert len(toy) == 6
    assert toy.image_shape == (4, 4, 1)


def test_a_slice_is_a_view_and_indices_select() -> None:
    toy = dataset()
    assert np.shares_memory(toy.subset(slice(0, 2)).images, toy.images)
    assert toy.subset(np.array([4, 1])).labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"labels": 5}, "6 images but 5 labels"),
        ({"images": (6, 4, 4)}, "3 dimensions"),
        ({"images": (0, 4, 4, 1), "labels": 0}, "no pixels"),
        ({"classes": ("a", "b")}, "a label is 2"),
        ({"classes": ("a",)}, "1 classes"),
        ({"classes": tuple(map(str, range(257)))}, "257 classes"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, expected) -> None:
    with pytest.raises(DataError, match=expected) as caught:
        dataset(**change)
    assert str(caught.value).startswith("toy: ")


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(DataError, match="float32"):
        Dataset("toy", np.zeros((2, 4, 4, 1), np.float32), np.zeros(2, np.uint8), ("a", "b"))


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=200),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_split_divides_all_and_keeps_every_class(labels, fraction, seed) -> None:
    array = np.array(labels, np.uint8)
    rest, held = stratified_split(array, fraction, np.random.default_rng(seed))
    assert sorted([*rest, *held]) == list(range(len(array)))
    assert len(rest) == rest_count(array, fraction)
    assert rest.dtype == held.dtype == np.int64
    assert np.all(np.diff(rest) > 0)
    assert np.all(np.diff(held) > 0)
    for label in set(labels):
        count = labels.count(label)
        assert label in array[rest]
        if count > 1:
            assert label in array[held]
            assert abs(int(np.sum(array[held] == label)) - count * fraction) <= 1


def test_the_seed_decides_the_split() -> None:
    toy = dataset(images=(300, 2, 2, 1), labels=300)
    first, again, other = (toy.split(0.1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_nothing_held_out() -> None:
    rest, held = stratified_split(np.zeros(5, np.uint8), 0.0, np.random.default_rng(0))
    assert len(rest) == 5
    assert len(held) == 0


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_an_impossible_share_is_refused(fraction: float) -> None:
    with pytest.raises(FieldError, match="share"):
        stratified_split(np.zeros(5, np.uint8), fraction, np.random.default_rng(0))

"""Augmentation: nothing when nothing is asked, whole shifts exact, values in range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.knobs import knobs_of
from engine.training import augment
from engine.training.augment import SHARED, Augmentation, Warp

COUNT = 4


def images(height: int = 12, width: int = 9, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (COUNT, height, width, channels)).astype(np.uint8)


def warped(given_images: np.ndarray, augmentation: Augmentation, seed: int = 0) -> np.ndarray:
    """Return the transformed images as (n, H, W, C)."""
    count, height, width, channels = given_images.shape
    x = np.full((height, channels, width, count), np.nan, np.float32)
    Warp((height, width, channels), count, augmentation)(given_images, x, np.random.default_rng(seed))
    return x.transpose(3, 0, 2, 1)


class WholeShift(Augmentation):
    """Shifts every image by the same whole pixels."""

    by = (0, 0)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        rows = [[1, 0, self.by[0]], [0, 1, self.by[1]]]
        return np.repeat(np.array(rows, np.float32)[:, :, None], count, axis=2)


def test_nothing_asked_nothing_changed() -> None:
    given_images = images()
    assert not Augmentation().active
    np.testing.assert_allclose(warped(given_images, Augmentation()), given_images / 255, atol=1e-6)


@pytest.mark.parametrize("by", [(0, 1), (1, 0), (-2, 3), (5, -4), (30, 0), (0, -30), (-30, 30)])
def test_whole_shifts_are_exact(by: tuple[int, int]) -> None:
    given_images = images()
    shift = WholeShift(shift=1)
    object.__setattr__(shift, "by", by)
    margin = 40
    padded = np.pad(given_images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    moved = np.roll(padded, (-by[0], -by[1]), (1, 2))[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(warped(given_images, shift), moved / 255, atol=1e-6)


def test_a_half_shift_is_the_mean_of_neighbours() -> None:
    given_images = images()
    shift = WholeShift(shift=1)
    object.__setattr__(shift, "by", (0.5, 0))
    below = np.pad(given_images, ((0, 0), (0, 1), (0, 0), (0, 0)))[:, 1:]
    expected = (given_images.astype(np.float32) + below) / 510
    np.testing.assert_allclose(warped(given_images, shift), expected, atol=2e-5)


@pytest.mark.parametrize("name", [knob.name for knob in knobs_of(Augmentation)])
def test_each_amount_alone_changes_images(name: str) -> None:
    amount = Augmentation(**{name: 0.3})
    assert amount.active
    first = warped(images(), amount)
    assert not np.allclose(first, images() / 255, atol=1e-3)
    assert np.array_equal(first, warped(images(), amount))
    assert not np.array_equal(first, warped(images(), amount, seed=1))


@pytest.mark.parametrize("by", [(0.25, 0), (0, 0.25), (0.375, -0.875), (-2.625, 1.125)])
def test_a_shift_blends_four_pixels_by_their_nearness(by: tuple[float, float]) -> None:
    given_images = images()
    shift = WholeShift(shift=1)
    object.__setattr__(shift, "by", by)
    margin = 5
    padded = np.pad(given_images / 255, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    expected = np.zeros_like(padded)
    for corner in np.ndindex(2, 2):
        whole = np.floor(by).astype(int) + np.array(corner)
        share = np.prod(1 - np.abs(np.array(by) - whole))
        expected += share * np.roll(padded, -whole, (1, 2))
    inside = expected[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(warped(given_images, shift), inside, atol=0.51 / 255)  # rows have 8 bits


@pytest.mark.parametrize("place", [(5, 4), (0, 0), (0, 8), (11, 0), (11, 8), (3, 8), (4, 0)])
def test_strokes_grow_and_shrink_by_their_amounts(
    place: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    amounts = np.array([0.5, -0.5, 1, -1], np.float32)
    monkeypatch.setattr(augment, "_amounts", lambda bound, shape, rng: amounts)
    dots = np.zeros((COUNT, 12, 9, 2), np.uint8)
    dots[:, *place, 1] = 255
    rows, columns = np.mgrid[:12, :9]
    beside = abs(rows - place[0]) + abs(columns - place[1]) == 1
    expected = np.zeros((COUNT, 12, 9))
    expected[:, *place] = [1, 0.5, 1, 0]
    expected[:, beside] = np.array([0.5, 0, 1, 0])[:, None]
    found = warped(dots, Augmentation(stroke=1))
    np.testing.assert_allclose(found[..., 1], expected, atol=1.1 / 255)
    assert not found[..., 0].any()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 2), (7, 1, 3), (3, 40, 1)])
def test_images_of_any_shape(shape: tuple[int, int, int]) -> None:
    many = np.full((5, *shape), 255, np.uint8)
    still = WholeShift(shift=1)
    np.testing.assert_allclose(warped(many, still), 1, atol=2e-5)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 10])
def test_few_images_of_a_batch_move_alike(count: int) -> None:
    same = np.repeat(images()[:1], count, axis=0)
    moved = warped(same, Augmentation(shift=3, rotate=30, elastic=1))
    groups = -(-count // SHARED)
    for number, image in enumerate(moved):
        np.testing.assert_array_equal(image, moved[number % groups])
    assert len(np.unique(moved, axis=0)) == groups


def test_rotation_turns_about_the_centre() -> None:
    square = np.zeros((COUNT, 21, 21, 1), np.uint8)
    square[:, 8:13, 8:13] = 255
    turned = warped(square, Augmentation(rotate=180))
    np.testing.assert_allclose(turned[:, 10, 10], 1, atol=1e-5)
    np.testing.assert_allclose(turned.sum(axis=(1, 2, 3)), 25, rtol=0.02)
    rows, columns = np.mgrid[:21, :21]
    for image in turned[..., 0]:
        assert (image * rows).sum() / image.sum() == pytest.approx(10, abs=0.05)
        assert (image * columns).sum() / image.sum() == pytest.approx(10, abs=0.05)


def test_shift_stays_within_its_bound() -> None:
    dot = np.zeros((COUNT, 15, 15, 1), np.uint8)
    dot[:, 7, 7] = 255
    for seed in range(20):
        moved = warped(dot, Augmentation(shift=2), seed)
        assert moved[:, 5:10, 5:10].sum() == pytest.approx(COUNT, rel=1e-4)


@settings(max_examples=60)
@given(
    st.builds(Augmentation, **{knob.name: st.floats(knob.low, knob.high) for knob in knobs_of(Augmentation)}),
    st.integers(0, 1000),
)
def test_values_stay_in_range(augmentation: Augmentation, seed: int) -> None:
    result = warped(images(), augmentation, seed)
    assert np.isfinite(result).all()
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 2e-5


def test_fewer_images_than_room() -> None:
    given_images = images()[:2]
    x = np.full((12, 2, 9, COUNT), -1, np.float32)
    Warp((12, 9, 2), COUNT, Augmentation(shift=1))(given_images, x, np.random.default_rng(0))
    assert (x[..., 2:] == -1).all()
    assert (x[..., :2] >= 0).all()

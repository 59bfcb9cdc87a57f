"""Images picked as they are, or as drawings."""

from __future__ import annotations

import numpy as np

from engine.data.preprocess import preprocess
from engine.training.images import DrawnImages, LabelledImages


def strokes(count: int) -> np.ndarray:
    """Return vertical strokes of different lengths; the last image is empty."""
    images = np.zeros((count, 28, 28, 1), np.uint8)
    for i in range(count - 1):
        images[i, 2 : 10 + i, 5:8] = 200
    return images


def test_work_picks_copies() -> None:
    images = strokes(5)
    labelled = LabelledImages(images, np.arange(5))
    picked = labelled.pick(np.array([3, 1]), np.random.default_rng(0))
    assert np.array_equal(picked, images[[3, 1]])
    picked[...] = 0
    assert images[3].any()


def test_every_image_as_a_drawing() -> None:
    images = strokes(6)
    labelled = DrawnImages(images, np.arange(6), share=1.0)
    rng = np.random.default_rng(0)
    for _ in range(2):  # made first, kept then
        picked = labelled.pick(np.arange(6), rng)
        for image, form in zip(images[:-1], picked[:-1], strict=True):
            assert np.array_equal(form[..., 0], preprocess(image[..., 0]))
        assert not picked[-1].any()  # an empty image has no other form


def test_a_share_of_drawings() -> None:
    images = np.repeat(strokes(2)[:1], 400, axis=0)
    labelled = DrawnImages(images, np.zeros(400), share=0.25)
    picked = labelled.pick(np.arange(400), np.random.default_rng(1))
    changed = (picked != images).any(axis=(1, 2, 3)).mean()
    assert 0.18 < changed < 0.32
    assert np.array_equal(
        picked, DrawnImages(images, np.zeros(400), 0.25).pick(np.arange(400), np.random.default_rng(1))
    )

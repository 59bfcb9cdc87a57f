"""The changed images of a batch: every one in its own column, whatever the size of the batch."""

from __future__ import annotations

import numpy as np
import pytest

from engine.training.augment import Augmentation
from engine.training.feed import CHUNK, Feed
from engine.training.images import LabelledImages

SHAPE = (7, 5, 2)


def labelled(count: int) -> LabelledImages:
    rng = np.random.default_rng(1)
    return LabelledImages(rng.integers(0, 256, (count, *SHAPE)).astype(np.uint8), np.zeros(count, np.uint8))


@pytest.mark.parametrize("batch", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_each_image_has_its_column(batch: int) -> None:
    images = labelled(batch + 5)
    indices = np.random.default_rng(2).permutation(batch)
    barely = Augmentation(shift=0.001)  # through all of it, and hardly changed
    x = Feed(SHAPE, batch, barely, np.random.default_rng(3)).fill(images, indices)
    assert x.shape == (7, 2, 5, batch)
    np.testing.assert_allclose(x.transpose(3, 0, 2, 1), images.images[indices] / 255, atol=0.02)


def test_batches_differ_and_are_reproducible() -> None:
    images, indices = labelled(70), np.arange(70)
    feeds = [Feed(SHAPE, 70, Augmentation(shift=2, noise=0.1), np.random.default_rng(4)) for _ in range(2)]
    first, again = (feed.fill(images, indices).copy() for feed in feeds)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, feeds[0].fill(images, indices))

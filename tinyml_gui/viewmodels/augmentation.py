"""A few training images as a run would see them, changed by the augmentation that was chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.data import Dataset
from engine.data.preprocess import SIDE
from engine.training.augment import Augmentation, Warp
from engine.training.images import DrawnImages, LabelledImages

__all__ = ["preview"]


def preview(
    data: Dataset, augmentation: Augmentation, drawings: float, count: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return `count` images as training will see them.

    Parameters
    ----------
    data : Dataset
    augmentation : Augmentation
    drawings : float
        Share of the images in the form of a drawing.
    count : int
    rng : numpy.random.Generator
        Chooses the images and changes them.

    Returns
    -------
    ndarray of uint8
        (count, height, width, channels).
    """
    chosen = data.subset(rng.choice(len(data), count, replace=len(data) < count))
    picked = _labelled(chosen, drawings).pick(np.arange(count), rng)
    if not augmentation.active:
        return picked
    _, height, width, channels = picked.shape
    x = np.zeros((height, channels, width, count), np.float32)
    warp = Warp((height, width, channels), 1, augmentation)
    for number in range(count):  # each moves by itself: a batch of so few would move alike
        warp(picked[number : number + 1], x[..., number : number + 1], rng)
    return np.ascontiguousarray(np.rint(255 * x).astype(np.uint8).transpose(3, 0, 2, 1))


def _labelled(data: Dataset, drawings: float) -> LabelledImages:
    if drawings and data.image_shape == (SIDE, SIDE, 1):
        return DrawnImages(data.images, data.labels, drawings)
    return LabelledImages(data.images, data.labels)

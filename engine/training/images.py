"""The images that a run learns from, picked a batch at a time.

The images of data sets differ from preprocessed drawings in size, place and stroke width: a letter of EMNIST
is 24 pixels tall, a drawn one 20. A network that is to know both must see both. So `DrawnImages` replaces a
share of the images by what `preprocess` makes of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.preprocess import preprocess

__all__ = ["DrawnImages", "LabelledImages", "even_parts"]

Images = NDArray[np.uint8]
Indices = NDArray[np.intp]


def even_parts(batch: int, count: int) -> list[slice]:
    """Cut `batch` images into `count` parts that differ by one image at most."""
    return [slice(batch * i // count, batch * (i + 1) // count) for i in range(count)]


class LabelledImages:
    """Images and their labels, picked by their indices.

    Parameters
    ----------
    images : ndarray of uint8
        (n, H, W, C).
    labels : ndarray of integers
        (n,).
    """

    def __init__(self, images: Images, labels: NDArray[np.integer[Any]]) -> None:
        self.images = images
        self.labels = labels

    def pick(self, indices: Indices, rng: np.random.Generator) -> Images:
        """Return copies of the images at `indices`."""
        return self.images.take(indices, axis=0)  # half the time of images[indices]


class DrawnImages(LabelledImages):
    """Images of which a share is picked in the form of a drawing.

    An image is brought into that form when it is first picked so, and kept: as many bytes again as the images
    take. Threads may share this, as no two work on the same image of a batch.

    Parameters
    ----------
    images : ndarray of uint8
        (n, 28, 28, 1).
    labels : ndarray
    share : float
        0 … 1.
    """

    def __init__(self, images: Images, labels: NDArray[np.integer[Any]], share: float) -> None:
        super().__init__(images, labels)
        self._share = share
        self._drawn = np.empty_like(images)
        self._known = np.zeros(len(images), np.bool_)

    def pick(self, indices: Indices, rng: np.random.Generator) -> Images:
        """Return copies of the images at `indices`, each with the probability `share` as a drawing."""
        images = super().pick(indices, rng)
        for place in np.flatnonzero(rng.random(len(indices)) < self._share):
            images[place] = self._form(indices[place])
        return images

    def _form(self, index: int) -> Images:
        if not self._known[index]:
            made = preprocess(self.images[index, ..., 0])
            self._drawn[index] = self.images[index] if made is None else made[..., None]
            self._known[index] = True
        form: Images = self._drawn[index]
        return form

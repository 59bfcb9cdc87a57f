"""The images that a run learns from, picked a batch at a time.

The images of data sets differ from preprocessed drawings in size, place and stroke width: a letter of EMNIST
is 24 pixels tall, a drawn one 20. A network that should read both must learn from both. So `DrawnImages`
replaces a share of the images by their preprocessed form.
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
    images : ndarray of uint8, shape (n, H, W, C)
    labels : ndarray of integers, shape (n,)
    """

    def __init__(self, images: Images, labels: NDArray[np.integer[Any]]) -> None:
        self.images = images
        self.labels = labels

    def pick(self, indices: Indices, rng: np.random.Generator) -> Images:
        """Return copies of the images at `indices`.

        Parameters
        ----------
        indices : ndarray of intp, shape (k,)
        rng : numpy.random.Generator
            For subclasses that change images at random.

        Returns
        -------
        ndarray of uint8, shape (k, H, W, C)
        """
        return self.images.take(indices, axis=0)  # half the time of images[indices]


class DrawnImages(LabelledImages):
    """Images of which a share is preprocessed as drawings are.

    The preprocessed form of an image is made when it is first needed, and kept. All of them take as much
    memory as the images. Threads may share this object, because each image of a batch goes to one thread.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 28, 28, 1)
    labels : ndarray of integers, shape (n,)
    share : float
        The probability that an image is preprocessed, 0 … 1.
    """

    def __init__(self, images: Images, labels: NDArray[np.integer[Any]], share: float) -> None:
        super().__init__(images, labels)
        self._share = share
        self._drawn = np.empty_like(images)
        self._known = np.zeros(len(images), np.bool_)

    def pick(self, indices: Indices, rng: np.random.Generator) -> Images:
        """Return copies of the images at `indices`, of which a share is preprocessed."""
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

"""Augments the images of a whole batch before the batch is split over threads.

One thread augments all of them. The calls of `engine.training.augment` are so short that several threads
would mostly wait for the interpreter's lock, and would take longer than one thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.nn.ops import batch_shape
from engine.nn.param import FloatArray
from engine.shapes import Shape
from engine.training.augment import Augmentation, Warp
from engine.training.images import LabelledImages, even_parts

__all__ = ["Feed"]

CHUNK = 64  # images at a time: with fewer the calls cost more, with more the cache is too small


class Feed:
    """Picks the images of a batch and augments them.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    batch : int
        Number of images in a batch.
    augmentation : Augmentation
    rng : numpy.random.Generator
    """

    def __init__(
        self, shape: Shape, batch: int, augmentation: Augmentation, rng: np.random.Generator
    ) -> None:
        count = -(-batch // CHUNK)
        self._chunks = even_parts(batch, count)
        self._warp = Warp(shape, -(-batch // count), augmentation)
        height, channels, width, _ = batch_shape(shape, batch)
        # each image in one piece, as first convolutions read it
        self._x: FloatArray = np.empty((batch, height, channels, width), np.float32).transpose(1, 2, 3, 0)
        self._rng = rng

    def fill(self, labelled: LabelledImages, indices: NDArray[np.intp]) -> FloatArray:
        """Return augmented images as the input of a network.

        Parameters
        ----------
        labelled : LabelledImages
        indices : ndarray of intp, shape (N,)
            Which of its images to take.

        Returns
        -------
        ndarray of float32, shape (H, C, W, N)
            Between 0 and 1. The next call overwrites it.
        """
        for chunk in self._chunks:
            images = labelled.pick(indices[chunk], self._rng)
            self._warp(images, self._x[..., chunk], self._rng)
        return self._x

"""The changed images of a whole batch, before it is split over threads.

One thread changes all of them. The calls of `engine.training.augment` are so short that several threads would
mostly wait for the interpreter's lock, and would take longer than one thread.
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

CHUNK = 64  # images changed at a time: with fewer the calls cost more, with more the cache is too small


class Feed:
    """Picks the images of a batch and changes them.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    batch : int
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
        """Return the images at `indices` as input (H, C, W, N), valid until the next call."""
        for chunk in self._chunks:
            images = labelled.pick(indices[chunk], self._rng)
            self._warp(images, self._x[..., chunk], self._rng)
        return self._x

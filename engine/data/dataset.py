"""A data set consists of a name, uint8 images, uint8 labels and the names of the classes.

Images stay uint8 in memory, which takes a quarter of the space of float32. They are converted batch by batch
where they are used. Parts of a data set are given by index arrays, so a validation split copies no images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.splits import stratified_split
from engine.errors import DataError

__all__ = ["MAX_CLASSES", "Dataset"]

MAX_CLASSES = 256


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images.

    Attributes
    ----------
    name : str
        A catalogue name or a path; shown to users and in error messages.
    images : ndarray of uint8, shape (n, height, width, channels)
        Upright, ink bright on black.
    labels : ndarray of uint8, shape (n,)
        Indices into `classes`.
    classes : tuple of str
        The name of each class, by label.

    Raises
    ------
    DataError
        When the parts do not fit together.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        self._check_array("images", self.images, 4)
        self._check_array("labels", self.labels, 1)
        if len(self.images) != len(self.labels):
            raise DataError(
                self.name, f"there are {len(self.images):,} images but {len(self.labels):,} labels."
            )
        if 0 in self.images.shape:
            raise DataError(self.name, "the data set holds no pixels; it needs at least one image.")
        self._check_classes()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def subset(self, indices: NDArray[np.integer[Any]] | slice) -> Dataset:
        """Return the images at `indices`: a view for a slice, a copy for an index array."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def split(self, fraction: float, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return index arrays (rest, held out); the second holds `fraction` of each class.

        See `engine.data.splits.stratified_split`.
        """
        return stratified_split(self.labels, fraction, rng)

    def _check_array(self, what: str, array: NDArray[np.uint8], dimensions: int) -> None:
        if array.dtype != np.uint8 or array.ndim != dimensions:
            raise DataError(
                self.name,
                f"the {what} are {array.dtype} with {array.ndim} dimensions; "
                f"expected uint8 with {dimensions}.",
            )

    def _check_classes(self) -> None:
        if not 2 <= len(self.classes) <= MAX_CLASSES:
            raise DataError(
                self.name, f"there are {len(self.classes)} classes; 2 to {MAX_CLASSES} are supported."
            )
        highest = int(self.labels.max())
        if highest >= len(self.classes):
            raise DataError(
                self.name,
                f"a label is {highest}, but there are {len(self.classes)} classes "
                f"(labels 0 to {len(self.classes) - 1}).",
            )

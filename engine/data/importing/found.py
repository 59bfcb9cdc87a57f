"""What a reader of foreign data returns: images and labels as they were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_IMAGES_BYTES", "Found", "Images", "Labels", "Part", "Progress"]

MAX_IMAGES_BYTES = 1 << 30
"""Most pixels that are taken from one data set, each a byte."""

Images = NDArray[np.uint8]
Labels = NDArray[np.int64] | NDArray[np.str_]
"""One label an image, a whole number or a text."""

Progress = Callable[[int, int], None]
"""``progress(done, total)`` is called while a long reading goes on; what it raises ends the reading."""


@dataclass(frozen=True, eq=False)
class Part:
    """Images and their labels, not yet set right.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, height, width, channels)
    labels : ndarray of int64 or text, shape (n,)
    fitted : bool
        Whether the images are bright on black already and of the size that networks read, because the reader
        took each from a picture of its own.
    """

    images: Images
    labels: Labels
    fitted: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a file or folder.

    Attributes
    ----------
    parts : mapping of str to Part
        "train", and "test" where the data have such a part.
    remarks : tuple of str
        One sentence for each thing that was left out or assumed.
    names : mapping of int to str
        What number labels stand for, where the data say so.
    """

    parts: Mapping[str, Part]
    remarks: tuple[str, ...] = ()
    names: Mapping[int, str] | None = None

    def __post_init__(self) -> None:
        if "train" not in self.parts:
            raise ValueError("data that were found have a part to train on")

"""Numbers of any type and layout become uint8 images of shape (n, height, width, channels).

Which range the numbers have is read off their extremes: 0 to 255, 0 to 1, or −1 to 1.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.idx import MAX_SIDE
from engine.data.importing.found import Images
from engine.errors import DataError
from engine.shapes import describe_shape

__all__ = ["arrange", "image_shape_of", "to_bytes"]

_CHUNK = 4096  # images that are converted at a time, so that no second copy in floats is needed
_COLOURS = 3

Path = str | os.PathLike[str]
Numbers = NDArray[Any]


def image_shape_of(pixels: int) -> tuple[int, int, int] | None:
    """Return (channels, height, width) of a row of `pixels`: a square in grey or colour; None if neither.

    A number can be both only where it is a square and three times a square, which no number is.
    """
    for channels in (1, _COLOURS):
        side = math.isqrt(pixels // channels)
        if side > 1 and side * side * channels == pixels:
            return channels, side, side
    return None


def arrange(array: Numbers, path: Path) -> Numbers:
    """Return images in one of the usual layouts as a view of shape (n, height, width, channels).

    Parameters
    ----------
    array : ndarray
        (n, pixels), (n, height, width), or with channels first or last.
    path : path-like
        For messages.

    Raises
    ------
    DataError
        When it is none of them, or an image is too large.
    """
    n = len(array) if array.ndim else 0
    if array.ndim == 2 and (shape := image_shape_of(array.shape[1])):
        array = array.reshape(n, *shape)
    if array.ndim == 3:
        array = array[:, np.newaxis]
    if array.ndim == 4 and array.shape[3] not in (1, _COLOURS) and array.shape[1] in (1, _COLOURS):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, _COLOURS) or 0 in array.shape:
        raise DataError(
            path,
            f"an array of {describe_shape(array.shape)} holds no images; expected (n, pixels), (n, height, "
            "width), or four dimensions with one or three channels.",
        )
    if max(array.shape[1:3]) > MAX_SIDE:
        raise DataError(
            path, f"an image is {describe_shape(array.shape[1:3])}; at most {MAX_SIDE} a side are accepted."
        )
    return array


def to_bytes(images: Numbers, path: Path) -> Images:
    """Return `images` as uint8, 0 to 255.

    Raises
    ------
    DataError
        When a number is not finite, or the range is none of the usual ones.
    """
    if images.dtype == np.uint8 and int(images.max()) > 1:
        return np.ascontiguousarray(images)
    if images.dtype.kind not in "biuf":
        raise DataError(path, f"pixels are numbers, but these are {images.dtype}.")
    scale, shift = _scale_of(images, path)
    converted = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        converted[start : start + _CHUNK] = np.rint(chunk * scale + shift)
    return converted


def _scale_of(images: Numbers, path: Path) -> tuple[np.float32, np.float32]:
    """Return factor and summand that bring the range of `images` to 0 … 255."""
    low, high = float(images.min()), float(images.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(path, f"image {_first_not_finite(images)} holds a value that is not a number.")
    if low >= 0 and high <= 1:
        return np.float32(255), np.float32(0)
    if low >= 0 and high <= 255:
        return np.float32(1), np.float32(0)
    if low >= -1 and high <= 1:
        return np.float32(127.5), np.float32(127.5)
    raise DataError(
        path, f"pixels go from {low:g} to {high:g}; expected 0 to 255, 0 to 1, or -1 to 1: scale them first."
    )


def _first_not_finite(images: Numbers) -> int:
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        wrong = ~np.isfinite(chunk.reshape(len(chunk), -1)).all(axis=1)
        if wrong.any():
            return start + int(wrong.argmax())
    raise ValueError("every value is finite")

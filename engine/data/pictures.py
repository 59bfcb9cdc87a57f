"""Turn pictures (image files, pasted images, photos of notes) into ink: bright on black.

The border of a picture is paper far more often than ink. So a bright border means dark ink, and the picture
is inverted. Then the brightness of the paper, with its noise, becomes 0, and the brightest ink becomes 255.
The next step is `engine.data.preprocess`.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.data.grey import LEAST_CONTRAST, to_grey
from engine.data.picture_files import read_grey

__all__ = ["MAX_SIDE", "ink_from_array", "ink_from_image", "load_ink"]

MAX_SIDE = 1600
"""Larger images are first reduced so that the longer side has this length."""

Ink = NDArray[np.uint8]


def load_ink(
    path: str | os.PathLike[str], side: int = MAX_SIDE, rough: Callable[[Ink], None] | None = None
) -> Ink:
    """Read an image file as ink.

    Parameters
    ----------
    path : path-like
        PNG, JPEG, BMP, GIF (first frame), WebP, TIFF or PPM. Transparent pixels become white paper, or
        black paper if the visible part is bright. The rotation that a camera has stored is applied.
    side : int
        Larger images are reduced so that the longer side has this length.
    rough : callable, optional
        ``rough(ink)`` is called with a quick first view of a large image.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Ink bright on black; all 0 where the image shows nothing.

    Raises
    ------
    DataError
        When the file is missing, not an image, damaged or too large.
    """
    show = None if rough is None else lambda grey: rough(_ink(grey))
    return _ink(read_grey(path, side, show))


def ink_from_image(image: Image.Image, side: int = MAX_SIDE) -> Ink:
    """Turn a decoded Pillow image into ink; see `load_ink`."""
    return _ink(to_grey(image, side))


def ink_from_array(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a greyscale picture of either polarity into ink.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Ink bright on black, stretched to 255; all 0 where there is too little contrast to be ink.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise ValueError(f"a grey picture is uint8 of 2 dimensions, got {grey.dtype} of shape {grey.shape}")
    if grey.size == 0:
        return np.zeros_like(grey)
    paper = int(np.median(_border(grey)))
    ink = (~grey if paper > 127 else grey).astype(np.int32)
    floor = 255 - paper if paper > 127 else paper
    contrast = int(ink.max()) - floor
    if contrast < LEAST_CONTRAST:
        return np.zeros_like(grey)
    floor += min(contrast // 3, _noise(grey, paper))
    stretched = (ink - floor) * 255 // max(1, int(ink.max()) - floor)
    return np.clip(stretched, 0, 255).astype(np.uint8)


def _ink(grey: Image.Image) -> Ink:
    return ink_from_array(_on_paper(grey) if grey.mode == "LA" else np.asarray(grey))


def _on_paper(image: Image.Image) -> NDArray[np.uint8]:
    """Blend a transparent picture with white paper, or with black paper if the picture is bright."""
    both = np.asarray(image).astype(np.uint32)
    light, alpha = both[..., 0], both[..., 1]
    visible = int(alpha.sum())
    paper = 0 if visible and int((light * alpha).sum()) // visible > 127 else 255
    blended = (light * alpha + paper * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)


def _border(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _noise(grey: NDArray[np.uint8], paper: int) -> int:
    """Return how far above the brightness of the paper ink begins.

    That is twice the deviation that 9 of 10 border pixels do not exceed. For even paper it is 0, so that the
    faint edges of a pen stroke are kept.
    """
    spread = np.abs(_border(grey).astype(np.int32) - paper)
    return 2 * int(np.percentile(spread, 90, method="lower"))

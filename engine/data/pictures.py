"""Turn pictures (image files, pasted images, photos of notes) into ink: bright on black.

The border of a picture is paper far more often than ink. So a bright border means dark ink, and the picture
is inverted. Then the brightness of the paper, with its noise, becomes 0, and the brightest ink becomes 255.
The next step is `engine.data.preprocess`.
"""

from __future__ import annotations

import os
import struct
import warnings
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import DataError
from engine.files import file_faults, open_file

__all__ = ["FORMATS", "MAX_PIXELS", "MAX_SIDE", "ink_from_array", "ink_from_image", "load_ink"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow's names of the formats that are read; other decoders are not used, for safety."""
MAX_PIXELS = 50_000_000
"""Most pixels accepted in a file, about a phone's largest photo."""
MAX_SIDE = 1600
"""Larger images are first reduced so that the longer side has this length."""

_LEAST_CONTRAST = 24
_DECODER_FAULTS = (  # what Pillow's decoders are known to raise on damaged input
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
)


def load_ink(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read an image file as ink.

    Parameters
    ----------
    path : path-like
        PNG, JPEG, BMP, GIF (first frame), WebP, TIFF or PPM. Transparent pixels become white paper, or
        black paper if the visible part is bright. The rotation that a camera has stored is applied.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Ink bright on black; all 0 where the image shows nothing.

    Raises
    ------
    DataError
        When the file is missing, not an image, damaged or too large.
    """
    with file_faults(path, DataError), open_file(path) as stream:
        return ink_from_image(_decode(stream, path))


def ink_from_image(image: Image.Image) -> NDArray[np.uint8]:
    """Turn a decoded Pillow image into ink; see `load_ink`."""
    shallow = Image.fromarray(_scaled_to_bytes(image)) if _is_deep(image) else image
    mode = "LA" if shallow.has_transparency_data else "L"
    grey = shallow.convert(mode)
    grey.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return ink_from_array(_on_paper(grey) if mode == "LA" else np.asarray(grey))


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
    if contrast < _LEAST_CONTRAST:
        return np.zeros_like(grey)
    floor += min(contrast // 3, _noise(grey, paper))
    stretched = (ink - floor) * 255 // max(1, int(ink.max()) - floor)
    return np.clip(stretched, 0, 255).astype(np.uint8)


def _decode(stream: BinaryIO, path: str | os.PathLike[str]) -> Image.Image:
    """Return the first picture in `stream`, upright and fully decoded."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path)
            image.load()
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        raise _damaged(path, "this is not an image that can be read") from error
    except _DECODER_FAULTS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk is at fault, not the image
        raise _damaged(path, "the image is damaged") from error


def _too_large(path: str | os.PathLike[str]) -> DataError:
    return DataError(path, f"the image has more than {MAX_PIXELS:,} pixels; reduce it first.")


def _damaged(path: str | os.PathLike[str], fault: str) -> DataError:
    return DataError(path, f"{fault}; use a PNG, JPEG, BMP or GIF file.")


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


def _is_deep(image: Image.Image) -> bool:
    """Return whether pixels have more than 8 bits; Pillow would clip them instead of scaling."""
    return image.mode[0] in "IF"


def _scaled_to_bytes(image: Image.Image) -> NDArray[np.uint8]:
    """Map the darkest pixel to 0 and the brightest to 255."""
    deep = np.nan_to_num(np.asarray(image).astype(np.float64))
    darkest, brightest = float(deep.min()), float(deep.max())
    return ((deep - darkest) * (255.0 / max(brightest - darkest, 1e-9))).astype(np.uint8)

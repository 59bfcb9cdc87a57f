"""What the network sees of a drawing, said once for canvas, command line, own data and exported C.

MNIST's digits were centred by mass after scaling to 20 pixels, from strokes about two pixels wide. A
drawing has any size, place and stroke width, so it is brought to that form in six steps, all of them in
whole numbers so that C gives the same bytes (``//`` rounds down):

1. **Crop** to the ink: pixels above a quarter of the brightest one. Darker than 32 counts as nothing.
2. **Scale to 80** on the longer side, the other side keeping the aspect. Each new pixel is the mean
   of the area it covers: new pixel i of n covers ``[i L, (i + 1) L)`` and old pixel j ``[j n, (j + 1) n)`` on
   a common ruler, and the length that they share is the weight (those of one new pixel add up to L).
3. **Gain**: strokes thinner than a fine pixel are faint. With m = Σv² // Σv, the mean brightness of the
   ink, multiply by 224 / m where that is above 1, at most 8-fold, and clip at 255.
4. **Stroke width** is 2 × area / perimeter of the pixels from 128 on, the perimeter by Crofton's formula
   from the number of edges along rows, columns and both diagonals. Strokes thinner or wider than
   MNIST's own are widened or thinned (dilation, erosion; cross and square in turn, an octagon).
5. **Scale to 20** like step 2, after cropping to what is left or has grown.
6. **Place** in 28 × 28 so that the centre of mass is at (14, 14), rounded, and all of it stays inside.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["INK_SIDE", "MAX_CANVAS_SIDE", "SIDE", "preprocess"]

SIDE = 28
"""Rows and columns of the image that the network sees."""
INK_SIDE = 20
"""Pixels of the ink's longer side in it."""
MAX_CANVAS_SIDE = 16_384
"""Largest canvas side; sums of a row stay exact in float32 below it."""

_FINE_SIDE = 80
_FAINTEST = 32
_BRIGHT = 224
_MOST_GAIN = 8
_SOLID = 128
_THINNEST, _WIDEST = 1.6, 3.6
"""Stroke widths that are left alone, in pixels of the 20."""

Image = NDArray[np.uint8]


def preprocess(canvas: Image) -> Image | None:
    """Bring a drawing into the form that networks are trained on.

    Parameters
    ----------
    canvas : ndarray of uint8, shape (height, width)
        Ink bright on black; any size up to `MAX_CANVAS_SIDE`.

    Returns
    -------
    ndarray of uint8, shape (28, 28), or None
        None when nothing is drawn.
    """
    if canvas.ndim != 2 or canvas.dtype != np.uint8 or max(canvas.shape) > MAX_CANVAS_SIDE:
        raise ValueError(f"a canvas is uint8 of 2 dimensions, got {canvas.dtype} of shape {canvas.shape}")
    ink = _crop_to_ink(canvas)
    if ink is None:
        return None
    fine = _even_strokes(_brighten(_scale(ink, _FINE_SIDE)))
    grown = _crop_to_ink(fine)
    assert grown is not None  # erosion keeps a core: see _even_strokes
    return _place(_scale(grown, INK_SIDE))


def _crop_to_ink(canvas: Image) -> Image | None:
    """Cut to the pixels above a quarter of the brightest; None if that one is faint."""
    if canvas.size == 0:
        return None
    columns, rows = canvas.max(axis=0), canvas.max(axis=1)
    peak = int(rows.max())
    if peak < _FAINTEST:
        return None
    top, bottom = _span(rows > peak // 4)
    left, right = _span(columns > peak // 4)
    return canvas[top:bottom, left:right]


def _span(inked: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first true index and one more than the last."""
    return int(inked.argmax()), len(inked) - int(inked[::-1].argmax())


def _scale(ink: Image, longer: int) -> Image:
    """Scale by area means so that the longer side has `longer` pixels."""
    height, width = ink.shape
    size = max(height, width)
    rows = max(1, (2 * height * longer + size) // (2 * size))
    columns = max(1, (2 * width * longer + size) // (2 * size))
    # Exact: sums of one direction stay below 2**24 (float32), of both below 2**53 (float64).
    partial = _area_weights(height, rows) @ ink.astype(np.float32)
    total = partial.astype(np.float64) @ _area_weights(width, columns).T.astype(np.float64)
    area = height * width
    return ((total.astype(np.int64) + area // 2) // area).astype(np.uint8)


@lru_cache(maxsize=256)
def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Return how long new pixel i and old pixel j overlap on the common ruler, shape (new, old)."""
    i, j = np.arange(new)[:, np.newaxis], np.arange(old)
    shared = np.minimum((i + 1) * old, (j + 1) * new) - np.maximum(i * old, j * new)
    weights = np.maximum(shared, 0).astype(np.float32)
    weights.setflags(write=False)
    return weights


def _brighten(fine: Image) -> Image:
    """Raise faint ink towards the brightness of MNIST's strokes."""
    wide = fine.astype(np.int64)
    mean = int((wide * wide).sum()) // max(1, int(wide.sum()))
    if mean >= _BRIGHT:
        return fine
    gain_of_256 = min(_MOST_GAIN * 256, _BRIGHT * 256 // max(1, mean))
    return np.minimum(wide * gain_of_256 // 256, 255).astype(np.uint8)


def _even_strokes(fine: Image) -> Image:
    """Widen strokes that are too thin and thin those that are too wide.

    The core always survives: a shape's inner radius is at least area / perimeter, half of the width
    that is estimated here, and erosion goes less deep than that.
    """
    width = _stroke_width(fine)
    unit = _FINE_SIDE / INK_SIDE
    if width < _THINNEST * unit:
        return _dilate(fine, round((_THINNEST * unit - width) / (2 - 2 * _THINNEST / INK_SIDE)))
    if width > _WIDEST * unit:
        depth = round((width - _WIDEST * unit) / (2 - 2 * _WIDEST / INK_SIDE))
        return ~_dilate(~np.pad(fine, 1), depth)
    return fine


def _stroke_width(fine: Image) -> float:
    """Estimate the stroke width in fine pixels: 2 × area / perimeter."""
    solid = np.pad(fine >= _SOLID, 1)
    area = np.count_nonzero(solid)
    straight = np.count_nonzero(solid[1:] ^ solid[:-1]) + np.count_nonzero(solid[:, 1:] ^ solid[:, :-1])
    diagonal = np.count_nonzero(solid[1:, 1:] ^ solid[:-1, :-1]) + np.count_nonzero(
        solid[1:, :-1] ^ solid[:-1, 1:]
    )
    perimeter = (np.pi / 8) * (straight + diagonal / np.sqrt(2.0))
    return 2.0 * area / max(perimeter, 1.0)


def _dilate(fine: Image, radius: int) -> Image:
    """Widen bright shapes by `radius` on every side; the result is larger by that much too."""
    grown = np.pad(fine, radius)
    for step in range(radius):
        grown = _dilate_once(grown, square=step % 2 == 1)
    return grown


def _dilate_once(image: Image, square: bool) -> Image:
    wide = image.copy()
    np.maximum(wide[:, 1:], image[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], image[:, 1:], out=wide[:, :-1])
    source = wide if square else image
    tall = wide.copy()
    np.maximum(tall[1:], source[:-1], out=tall[1:])
    np.maximum(tall[:-1], source[1:], out=tall[:-1])
    return tall


def _place(small: Image) -> Image:
    """Put the scaled ink into the frame, its centre of mass at (14, 14)."""
    mass = small.astype(np.int64)
    top = _offset(mass.sum(axis=1))
    left = _offset(mass.sum(axis=0))
    frame = np.zeros((SIDE, SIDE), dtype=np.uint8)
    frame[top : top + small.shape[0], left : left + small.shape[1]] = small
    return frame


def _offset(profile: NDArray[np.int64]) -> int:
    """Return where to start so that the profile's centre lies at 14, kept inside the frame."""
    total = int(profile.sum())
    moment = int((profile * np.arange(len(profile))).sum())
    start = (SIDE * total - 2 * moment + total) // (2 * total)
    return min(max(start, 0), SIDE - len(profile))

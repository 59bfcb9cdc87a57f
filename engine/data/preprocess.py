"""Preprocessing of drawings, defined once for canvas, command line, the user's own data and exported C.

MNIST's digits were scaled to 20 pixels and centred by mass; their strokes are about two pixels wide. A
drawing has any size, place and stroke width, so it is brought to that form in six steps. All of them compute
in whole numbers so that C gives the same bytes (``//`` rounds down):

1. **Crop** to the ink: pixels above a quarter of the brightest one, which must be 32 or more.
2. **Scale to 80** on the longer side, keeping the aspect ratio. Each new pixel is the mean of the area it
   covers. Along one axis with L old and n new pixels, new pixel i covers ``[i L, (i + 1) L)`` and old pixel j
   covers ``[j n, (j + 1) n)`` on a common scale. The weight of j in i is the length that they share (the
   weights of one new pixel add up to L).
3. **Gain**: strokes thinner than a fine pixel are faint. With m = Σv² // Σv, the mean brightness of the
   ink, multiply by 224 / m where that is above 1, at most 8-fold, and clip at 255.
4. **Stroke width** is 2 × area / perimeter of the pixels of 128 or more. The perimeter, by Crofton's formula,
   is π / 8 × (edges along rows and columns + edges along both diagonals / √2). Strokes thinner or wider than
   most of MNIST's are corrected by dilation or erosion, with a cross and a square in turn: an octagon.
5. **Scale to 20** like step 2, after cropping to the ink again, whose extent step 4 has changed. If there are
   only specks far apart, such as dust on a scanned sheet, they are too faint at 80 pixels, even with the
   gain, and the result is that nothing was drawn.
6. **Place** in 28 × 28 so that the centre of mass is at (14, 14), rounded, and all ink stays inside.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["INK_SIDE", "MAX_CANVAS_SIDE", "SIDE", "preprocess"]

SIDE = 28
"""Rows and columns of the image that the network sees."""
INK_SIDE = 20
"""Length of the longer side of the ink in that image, in pixels."""
MAX_CANVAS_SIDE = 16_384
"""Largest canvas side; sums of a row stay exact in float32 below it."""

_FINE_SIDE = 80
_FAINTEST = 32
_BRIGHT = 224
_MOST_GAIN = 8
_SOLID = 128
_WIDTH_UNIT = 64  # parts of a fine pixel in which stroke widths are counted
_THINNEST, _WIDEST = 512, 960
"""Strokes between these widths are not changed: 2 to 3.75 pixels of the 20, as most of MNIST's are."""
_ROWS_AT_ONCE = 10

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
        None when nothing is drawn, or only specks that vanish in scaling.
    """
    if canvas.ndim != 2 or canvas.dtype != np.uint8 or max(canvas.shape) > MAX_CANVAS_SIDE:
        raise ValueError(f"a canvas is uint8 of 2 dimensions, got {canvas.dtype} of shape {canvas.shape}")
    ink = _crop_to_ink(canvas)
    if ink is None:
        return None
    fine = _even_strokes(_brighten(_scale(ink, _FINE_SIDE)))
    grown = _crop_to_ink(fine)
    return None if grown is None else _place(_scale(grown, INK_SIDE))


def _crop_to_ink(canvas: Image) -> Image | None:
    """Return the part with pixels above a quarter of the brightest one; None if that one is faint."""
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
    # Exact: sums along one axis stay below 2**24 (float32), along both below 2**53 (float64).
    partial = _sum_rows(ink, rows)
    total = partial @ _area_weights(width, columns).T.astype(np.float64)
    area = height * width
    scaled: Image = ((total.astype(np.int64) + area // 2) // area).astype(np.uint8)
    return scaled


def _sum_rows(ink: Image, rows: int) -> NDArray[np.float64]:
    """Return the weighted sums of old rows for each new row, shape (rows, width).

    A few new rows are computed at a time, because they need only the old rows that they cover.
    """
    height, width = ink.shape
    weights = _area_weights(height, rows)
    sums = np.empty((rows, width), dtype=np.float64)
    for start in range(0, rows, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, rows)
        first, last = start * height // rows, -(-stop * height // rows)
        sums[start:stop] = weights[start:stop, first:last] @ ink[first:last].astype(np.float32)
    return sums


@lru_cache(maxsize=256)
def _area_weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the length that new pixel i and old pixel j share (step 2 above), shape (new, old)."""
    i, j = np.arange(new)[:, np.newaxis], np.arange(old)
    shared = np.minimum((i + 1) * old, (j + 1) * new) - np.maximum(i * old, j * new)
    weights: NDArray[np.float32] = np.maximum(shared, 0).astype(np.float32)
    weights.setflags(write=False)
    return weights


def _brighten(fine: Image) -> Image:
    """Multiply faint ink so that it becomes about as bright as MNIST's strokes."""
    wide = fine.astype(np.int64)
    mean = int((wide * wide).sum()) // max(1, int(wide.sum()))
    if mean >= _BRIGHT:
        return fine
    gain_of_256 = min(_MOST_GAIN * 256, _BRIGHT * 256 // max(1, mean))
    return np.minimum(wide * gain_of_256 // 256, 255).astype(np.uint8)


def _even_strokes(fine: Image) -> Image:
    """Widen strokes that are too thin, and make thinner those that are too wide.

    The middle of a stroke is never erased: the inner radius of a shape is at least area / perimeter, half of
    the width that is estimated here, and the radius of the erosion is smaller than that.
    """
    width = _stroke_width(fine)
    if width < _THINNEST:
        radius = _radius(_THINNEST - width, _THINNEST)
        return _dilate(np.pad(fine, radius), radius)
    if width > _WIDEST:
        return ~_dilate(~np.pad(fine, 1), _radius(width - _WIDEST, _WIDEST))
    return fine


def _radius(change: int, target: int) -> int:
    """Return how far to move each edge, in fine pixels, rounded.

    A radius r changes the stroke width w by 2 r, and the longer side too, so scaling to 20 undoes a part of
    the change. (w ± 2 r) × 80 / (80 ± 2 r) = t, the target, gives r = |t − w| / (2 − 2 t / 80).
    """
    rest = _FINE_SIDE * _WIDTH_UNIT - target
    return (change * _FINE_SIDE + rest) // (2 * rest)


def _stroke_width(fine: Image) -> int:
    """Estimate the stroke width, 2 × area / perimeter, in 64ths of a fine pixel."""
    solid = np.pad(fine >= _SOLID, 1)
    straight = _differing(solid[1:], solid[:-1]) + _differing(solid[:, 1:], solid[:, :-1])
    diagonal = _differing(solid[1:, 1:], solid[:-1, :-1]) + _differing(solid[1:, :-1], solid[:-1, 1:])
    perimeter = 402 * straight + 284 * diagonal  # π / 8 and π / (8 √2), times 1024
    return 2 * int(np.count_nonzero(solid)) * _WIDTH_UNIT * 1024 // max(perimeter, 1)


def _differing(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(one ^ other))


def _dilate(fine: Image, radius: int) -> Image:
    """Widen bright shapes by `radius` on every side, but not beyond the image."""
    for step in range(radius):
        fine = _dilate_once(fine, square=step % 2 == 1)
    return fine


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

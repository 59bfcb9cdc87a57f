"""A decoded picture becomes grey bytes, strip by strip, at no more than the size that is needed.

Nothing else that is as large as the picture is in memory: conversions, means and ranges are computed for a
few rows at a time. Grey values of more than 8 bits have no common scale, as a scanner may use 12 of 16 bits.
So darkest and brightest become 0 and 255, but a few broken pixels do not count, and neither does what may be
only noise.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["LEAST_CONTRAST", "to_grey"]

LEAST_CONTRAST = 24
"""Of 255: ink differs from its paper by this much at least."""

_STRIP_PIXELS = 1 << 18
_MOST_TRIMMED = 16  # brightest and darkest pixels that may be broken …
_TRIMMED_SHARE = 2_000  # … and at most one in so many
_STEPS_OF_NOISE = 12  # a page of noise spans about ten times the median step between neighbours

Values = NDArray[Any]


def to_grey(image: Image.Image, side: int) -> Image.Image:
    """Return `image` as greyscale ("L"), or "LA" if it has transparent parts.

    Parameters
    ----------
    image : PIL.Image.Image
        Decoded, of any mode.
    side : int
        If the longer side is longer, the picture is reduced to it by area means.
    """
    factor = max(1, max(image.size) // side)
    size = (-(-image.width // factor), -(-image.height // factor))
    mode = "LA" if not _is_deep(image) and image.has_transparency_data else "L"
    grey = Image.new(mode, size)
    strips = _deep_strips(image, factor) if _is_deep(image) else _shallow_strips(image, factor, mode)
    for top, strip in strips:
        grey.paste(strip.reduce(factor), (0, top // factor))
    grey.thumbnail((side, side), Image.Resampling.BOX)
    return grey


def _is_deep(image: Image.Image) -> bool:
    """Return whether pixels have more than 8 bits; Pillow would clip them instead of scaling."""
    return image.mode[0] in "IF"


def _shallow_strips(image: Image.Image, factor: int, mode: str) -> Iterator[tuple[int, Image.Image]]:
    for top, bottom in _spans(image, factor):
        strip = image.crop((0, top, image.width, bottom))
        # Pillow converts no LAB, but lightness is what is wanted.
        yield top, strip.getchannel("L") if strip.mode == "LAB" else strip.convert(mode)


def _deep_strips(image: Image.Image, factor: int) -> Iterator[tuple[int, Image.Image]]:
    scale = _Scale.of(image)
    for top, bottom in _spans(image, factor):
        yield top, Image.fromarray(scale.to_bytes(_values(image, top, bottom)))


def _spans(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, int]]:
    """Yield the first row of each strip and the row after its last; strips begin at multiples of `factor`."""
    rows = factor * max(1, _STRIP_PIXELS // max(1, image.width * factor))
    for top in range(0, image.height, rows):
        yield top, min(top + rows, image.height)


def _values(image: Image.Image, top: int, bottom: int) -> Values:
    """Return rows of a deep picture without single broken pixels, in the machine's byte order."""
    first, last = max(0, top - 1), min(image.height, bottom + 1)  # neighbours of the rows at the edges
    found = np.asarray(image.crop((0, first, image.width, last)))
    found = found.astype(found.dtype.newbyteorder("="), copy=False)
    if found.dtype.kind == "f":
        found = np.where(np.isfinite(found), found, np.float32(0))
    return _without_single_pixels(found)[top - first : bottom - first]


def _without_single_pixels(values: Values) -> Values:
    """Bring each value into the range of its eight neighbours: a broken pixel goes, a thin line stays."""
    height, width = values.shape
    if min(height, width) < 3:
        return values
    padded = np.pad(values, 1, mode="reflect")
    places = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    neighbours = [padded[row : row + height, column : column + width] for row, column in places]
    low, high = (functools.reduce(extreme, neighbours) for extreme in (np.minimum, np.maximum))
    clipped: Values = np.clip(values, low, high)
    return clipped


@dataclass(frozen=True)
class _Scale:
    """The values that become 0 and 255."""

    low: float
    high: float

    @classmethod
    def of(cls, image: Image.Image) -> _Scale:
        """Return the scale of a deep picture; one on which all is 0 if it shows nothing."""
        trimmed = min(_MOST_TRIMMED, image.width * image.height // _TRIMMED_SHARE)
        every = max(1, image.height // 256)
        lowest, highest = np.empty(0), np.empty(0)
        steps = [np.zeros(1)]
        for top, bottom in _spans(image):
            values = _values(image, top, bottom)
            lowest = _first(np.concatenate([lowest, _first(values.ravel(), trimmed + 1)]), trimmed + 1)
            highest = _last(np.concatenate([highest, _last(values.ravel(), trimmed + 1)]), trimmed + 1)
            steps.append(np.abs(np.diff(values[-top % every :: every].astype(np.float32), axis=1)).ravel())
        low, high = float(lowest.max()), float(highest.min())
        noise = float(np.median(np.concatenate(steps)))
        least = max(_STEPS_OF_NOISE * noise, LEAST_CONTRAST / 255 * max(abs(low), abs(high)))
        return cls(low, high) if high - low > least else cls(high, high)

    def to_bytes(self, values: Values) -> NDArray[np.uint8]:
        """Return `values` on the scale from 0 to 255."""
        if self.low == self.high:
            return np.zeros(values.shape, np.uint8)
        inside = np.clip(values, self.low, self.high).astype(np.float64)
        scaled: NDArray[np.uint8] = ((inside - self.low) * (255.0 / (self.high - self.low))).astype(np.uint8)
        return scaled


def _first(values: Values, count: int) -> NDArray[np.float64]:
    """Return the `count` lowest values."""
    return np.partition(values, min(count, len(values)) - 1)[:count].astype(np.float64)


def _last(values: Values, count: int) -> NDArray[np.float64]:
    """Return the `count` highest values."""
    return np.partition(values, len(values) - min(count, len(values)))[-count:].astype(np.float64)

"""Show training images a little differently each time, as another hand might have drawn them.

The transforms of a whole batch are computed at once. For each output pixel of each image the source position
follows from one small matrix product, to a 256th of a pixel; the four neighbours come from a single gather,
because they are packed into one 32-bit word beforehand, and are blended as integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.knobs import check_knobs, knob, knobs_to_json
from engine.specs import Shape

__all__ = ["Augmentation", "Warp"]

GRID = 5  # points of the elastic grid on each side
BORDER = 2  # pixels around an image: everything outside reads them
SHIFT = 8  # bits of a position behind the point
ONE = 1 << SHIFT
UPPER_AND_LOWER = 0x00FF00FF  # the first and the third byte of a word

FloatArray = NDArray[np.floating[Any]]
Words = NDArray[np.uint32]


@dataclass(frozen=True)
class Augmentation:
    """How much images may be changed; each amount is drawn uniformly up to the bound, both ways."""

    shift: float = knob(0.0, "Shift", "largest shift in each direction", low=0, high=14, unit="px")
    rotate: float = knob(0.0, "Rotation", "largest rotation", low=0, high=180, unit="°")
    scale: float = knob(0.0, "Scaling", "largest change of size, 0.1 for 10 %", low=0, high=0.5)
    shear: float = knob(0.0, "Shear", "largest slant, 0.1 for 1 px in 10", low=0, high=1)
    elastic: float = knob(
        0.0, "Elastic", "largest bend of single parts of a stroke", low=0, high=8, unit="px", advanced=True
    )
    stroke: float = knob(
        0.0, "Stroke", "largest change of a stroke's edge", low=0, high=1, unit="px", advanced=True
    )
    noise: float = knob(
        0.0, "Noise", "largest change of a pixel, 1 for all of its range", low=0, high=1, advanced=True
    )

    def __post_init__(self) -> None:
        check_knobs(self)

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return any(knobs_to_json(self).values())

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return any((self.shift, self.rotate, self.scale, self.shear, self.elastic))

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw `count` transforms from output to source positions relative to the centre.

        Returns
        -------
        ndarray of float32
            (2, 3, count): rows give source y and x from (y, x, 1).
        """
        u = rng.random((6, count), np.float32) * 2 - 1
        angle = u[0] * np.float32(np.deg2rad(self.rotate))
        cos, sin = np.cos(angle), np.sin(angle)
        grow_y = 1 + u[1] * np.float32(self.scale)
        grow_x = 1 + u[2] * np.float32(self.scale)
        slant = u[3] * np.float32(self.shear)
        shift_y, shift_x = u[4] * np.float32(self.shift), u[5] * np.float32(self.shift)
        rows = [
            [cos / grow_y, sin / grow_y, shift_y],
            [(slant * cos - sin) / grow_x, (slant * sin + cos) / grow_x, shift_x],
        ]
        return np.array(rows, np.float32)


class Warp:
    """Buffers to transform up to `batch` images of one shape; nothing large is allocated after this.

    Parameters
    ----------
    shape : tuple of int
        (height, width, channels).
    batch : int
    augmentation : Augmentation
    """

    def __init__(self, shape: Shape, batch: int, augmentation: Augmentation) -> None:
        height, width, _ = shape
        self.height, self.width = height, width
        self.augmentation = augmentation
        self._pitch = width + 2 * BORDER
        self._basis = _basis(height, width, bool(augmentation.elastic))
        middle = [[(height - 1) / 2], [(width - 1) / 2]]
        self._centre = np.array(middle, np.float32) + np.float32(
            BORDER + 0.5 / ONE
        )  # cutting off then rounds
        self._limit = np.array([height + BORDER, width + BORDER], np.float32)[:, None, None] * ONE
        self._buffers = _Buffers(height, width, batch)

    def __call__(self, images: NDArray[np.uint8], x: FloatArray, rng: np.random.Generator) -> None:
        """Write transformed `images` (n, H, W, C) to the first n columns of `x` (H, C, W, N), in [0, 1]."""
        count, strength = len(images), self.augmentation.stroke
        room = self._buffers.first(count)
        if self.augmentation.moves:
            self._sample(count, room, rng)
        amounts = _amounts(strength, count, rng) if strength else None
        for channel in range(images.shape[3]):
            np.copyto(room.inside, images[..., channel])
            if amounts is not None:
                _stroke(room, amounts)
            self._place(room)
            if self.augmentation.noise:
                _add_noise(room, self.augmentation.noise, rng)
            x[:, channel, :, :count] = room.value.reshape(self.height, self.width, count)

    def _place(self, room: _Buffers) -> None:
        """Fill `value` with the pixels in their places, in [0, 1]."""
        if self.augmentation.moves:
            _pack(room)
            np.take(room.packed, room.where, out=room.words, mode="clip")
            _blend(room)
        else:
            value = room.value.reshape(self.height, self.width, -1)
            np.copyto(value, room.inside.transpose(1, 2, 0))
            np.multiply(value, np.float32(1 / 255), out=value)

    def _sample(self, count: int, room: _Buffers, rng: np.random.Generator) -> None:
        """Work out gather indices into the packed images and how far from the pixel to look."""
        terms = [self.augmentation.draw(count, rng)]
        terms[0][:, 2] += self._centre
        if self.augmentation.elastic:
            terms.append(_amounts(self.augmentation.elastic, (2, GRID**2, count), rng))
        np.matmul(self._basis, np.concatenate(terms, axis=1), out=room.positions)
        np.clip(room.positions, 0, self._limit, out=room.positions)
        np.copyto(room.apart, room.positions, casting="unsafe")
        down, aside = np.right_shift(room.apart, SHIFT, out=room.near)
        np.multiply(down, self._pitch, out=down)
        np.add(down, aside, out=down)
        np.add(down, room.starts, out=down)
        np.copyto(room.where, down)
        np.bitwise_and(room.apart, ONE - 1, out=room.apart)
        np.subtract(ONE, room.apart, out=room.near)


class _Buffers:
    """Room for the samples of `count` images: memory that is fetched anew costs more than what fills it."""

    def __init__(self, height: int, width: int, count: int) -> None:
        self.size = height, width, count
        # one row more: 32 × 32 words are a page of memory, and a cache is slow at multiples of that
        rows, pitch = height + 2 * BORDER + 1, width + 2 * BORDER
        area, pixels = rows * pitch, height * width
        self.padded = np.zeros((count, rows, pitch), np.uint8)
        self.inside = self.padded[:, BORDER : BORDER + height, BORDER : BORDER + width]
        self.packed = np.zeros(count * area, np.uint32)
        self.shifted = np.empty(count * area, np.uint32)
        self.starts = np.arange(0, count * area, area, dtype=np.int32)
        self.positions = np.empty((2, pixels, count), np.float32)
        self.apart = np.empty((2, pixels, count), np.int32)  # from the upper left pixel
        self.near = np.empty((2, pixels, count), np.int32)  # the rest of the way to the next one
        self.where = np.empty((pixels, count), np.intp)
        self.words = np.empty((pixels, count), np.uint32)
        self.right = np.empty((pixels, count), np.uint32)
        self.value = np.empty((pixels, count), np.float32)
        self.grain = np.empty((pixels, count), np.float32)

    def first(self, count: int) -> _Buffers:
        """Return buffers for `count` images: these, or new ones for a rest of a batch."""
        height, width, room = self.size
        return self if count == room else _Buffers(height, width, count)


def _pack(room: _Buffers) -> None:
    """Fill words with a pixel and, from its second byte on, its right, lower and lower right neighbour."""
    words, shifted, pitch = room.packed, room.shifted, room.padded.shape[2]
    np.copyto(words, room.padded.reshape(-1))
    for distance, bits in ((1, 8), (pitch, 16)):
        np.left_shift(words[distance:], bits, out=shifted[distance:])
        np.bitwise_or(words[:-distance], shifted[distance:], out=words[:-distance])


def _blend(room: _Buffers) -> None:
    """Fill `value` with what lies between the four bytes of each word, in [0, 1].

    Upper and lower pixel are blended along the row at once, in the two halves of a word.
    """
    left, right, value = room.words, room.right, room.value
    (down, aside), (up, back) = room.apart.view(np.uint32), room.near.view(np.uint32)
    np.right_shift(left, 8, out=right)
    np.bitwise_and(left, UPPER_AND_LOWER, out=left)
    np.bitwise_and(right, UPPER_AND_LOWER, out=right)
    _mix(left, right, back, aside)
    np.right_shift(left, 16, out=right)
    np.bitwise_and(left, 0xFFFF, out=left)
    _mix(left, right, up, down)
    np.copyto(value, left.view(np.int32))
    np.multiply(value, np.float32(1 / (255 * ONE * ONE)), out=value)


def _mix(first: Words, second: Words, share: Words, rest: Words) -> None:
    """Replace `first` by ``first · share + second · rest``; `second` is used up."""
    np.multiply(first, share, out=first)
    np.multiply(second, rest, out=second)
    np.add(first, second, out=first)


def _amounts(bound: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw uniformly from -bound to bound."""
    return (rng.random(shape, np.float32) * 2 - 1) * np.float32(bound)


def _basis(height: int, width: int, elastic: bool) -> NDArray[np.float32]:
    """Return the matrix (pixels, terms) that takes coefficients of y, x, 1 and bends to positions."""
    y, x = np.mgrid[:height, :width].reshape(2, -1, 1)
    columns = [y - (height - 1) / 2, x - (width - 1) / 2, np.ones_like(x)]
    if elastic:
        columns.append(_bumps(height, width))
    return np.ascontiguousarray(np.concatenate(columns, axis=1) * ONE, np.float32)


def _bumps(height: int, width: int) -> NDArray[np.float32]:
    """Return the weights (pixels, GRID²) with which grid points bend the pixels around them.

    Each row adds up to one, so no pixel moves farther than the grid points do (elastic distortion after
    Simard et al. 2003, with a coarse grid in place of a blurred field).
    """
    y, x = np.mgrid[:height, :width].reshape(2, -1, 1)
    points = np.mgrid[:GRID, :GRID].reshape(2, 1, -1) / (GRID - 1)
    down, right = points[0] * (height - 1) - y, points[1] * (width - 1) - x
    spacing = max(height, width) / (GRID - 1)
    weights = np.exp(-(down**2 + right**2) / (2 * (0.6 * spacing) ** 2))
    return np.ascontiguousarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _stroke(room: _Buffers, amounts: NDArray[np.float32]) -> None:
    """Move the edges of the ink by `amounts` pixels: outwards where positive, inwards where negative."""
    flip = np.where(amounts > 0, 0, 255).astype(np.uint8)[:, None, None]
    ink = room.padded ^ flip  # thinning the ink is widening the background
    wide = ink.copy()
    to, origin = wide.reshape(-1), ink.reshape(-1)  # the borders keep rows and images apart
    for distance in (1, ink.shape[2]):
        np.maximum(to[distance:], origin[:-distance], out=to[distance:])
        np.maximum(to[:-distance], origin[distance:], out=to[:-distance])
    wide -= ink
    growth = wide * (np.abs(amounts) * 256).astype(np.uint16)[:, None, None]
    growth >>= 8
    ink += growth.astype(np.uint8)
    ink ^= flip
    _, height, width = room.inside.shape
    np.copyto(room.inside, ink[:, BORDER : BORDER + height, BORDER : BORDER + width])


def _add_noise(room: _Buffers, bound: float, rng: np.random.Generator) -> None:
    """Add one of 256 evenly spaced amounts to each `value`: eight are drawn at once, faster than a float."""
    value, grain = room.value, room.grain
    drawn = np.asarray(rng.bit_generator.random_raw(-(-value.size // 8)), "<u8").view(np.uint8)
    np.copyto(grain, drawn[: value.size].reshape(value.shape))
    np.multiply(grain, np.float32(bound / 127.5), out=grain)
    np.subtract(grain, np.float32(bound), out=grain)
    np.add(value, grain, out=value)
    np.clip(value, 0, 1, out=value)

"""Show training images a little differently each time, as another hand might have drawn them.

The transforms of a whole batch are computed at once, and `SHARED` images share one transform. A small matrix
product gives the source position of each output pixel, to a 128th of a pixel. The four pixels around that
position are packed into one 32-bit word beforehand, so that one gather fetches them; they are blended as
integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.knobs import check_knobs, knob, knobs_to_json
from engine.shapes import Shape

__all__ = ["Augmentation", "Warp"]

GRID = 5  # points of the elastic grid on each side
SHARED = 4  # images that share a transform, others in each step: half of the time goes into positions
BORDER = 1  # black pixels around an image; positions outside are moved onto them
SHIFT = 7  # bits of a position after the binary point
ONE = 1 << SHIFT
WHITE = 255
UPPER_AND_LOWER = 0x00FF00FF  # the first and the third byte of a word
HALVES = (ONE // 2) << 16 | ONE // 2  # rounds both of them

FloatArray = NDArray[np.floating[Any]]
Words = NDArray[np.uint32]


@dataclass(frozen=True)
class Augmentation:
    """How much images may be changed. Each amount is drawn uniformly between minus and plus its bound."""

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
    """Transforms up to `batch` images of one shape at a time; buffers are kept for each number of images.

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
        self._basis = _basis(height, width, bool(augmentation.elastic))
        middle = [[(height - 1) / 2], [(width - 1) / 2]]
        rounding = 0.5 / ONE  # converting positions to integers truncates
        self._centre = np.array(middle, np.float32) + np.float32(BORDER + rounding)
        self._limit = np.array([height + BORDER, width + BORDER], np.float32)[:, None, None] * ONE
        self._kept: dict[int, _Buffers] = {}
        self._buffers(batch)

    def __call__(self, images: NDArray[np.uint8], x: FloatArray, rng: np.random.Generator) -> None:
        """Write transformed images, scaled to [0, 1], to an input.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, H, W, C)
        x : ndarray of floats, shape (H, C, W, N)
            Its first n columns are written. White becomes 1, within 2e-5.
        rng : numpy.random.Generator
        """
        count, strength = len(images), self.augmentation.stroke
        buffers = self._buffers(count)
        shares = self._sample(buffers, rng) if self.augmentation.moves else None
        amounts = _amounts(strength, count, rng) if strength else None
        for channel in range(images.shape[3]):
            np.copyto(buffers.inside, images[..., channel])
            if amounts is not None:
                _stroke(buffers, amounts)
            white = self._place(buffers, shares)
            if self.augmentation.noise:
                _add_noise(buffers, self.augmentation.noise, white, rng)
            self._hand_over(buffers, white, x[:, channel, :, :count])

    def _buffers(self, count: int) -> _Buffers:
        """Return the buffers for `count` images, made when first needed."""
        if count not in self._kept:
            shared = min(SHARED, count) if self.augmentation.moves else 1
            self._kept[count] = _Buffers(self.height, self.width, count, shared)
        return self._kept[count]

    def _place(self, buffers: _Buffers, shares: _Shares | None) -> int:
        """Fill `value` with the moved pixels; return the number that stands for white."""
        if shares is None:
            np.copyto(buffers.value.reshape(self.height, self.width, -1), buffers.inside.transpose(1, 2, 0))
            return WHITE
        _pack(buffers)
        np.take(buffers.packed, buffers.where, axis=1, out=buffers.words, mode="clip")
        return _blend(buffers, shares)

    def _hand_over(self, buffers: _Buffers, white: int, x: FloatArray) -> None:
        """Write `value`, scaled to [0, 1], to the columns of `x`."""
        groups = buffers.value.shape[2]
        for number, value in enumerate(buffers.value.reshape(-1, self.height, self.width, groups)):
            columns = x[..., number * groups : (number + 1) * groups]
            np.multiply(value[..., : columns.shape[2]], np.float32(1 / white), out=columns)

    def _sample(self, buffers: _Buffers, rng: np.random.Generator) -> _Shares:
        """Compute where to read the packed images, and the shares of the four pixels there."""
        groups = buffers.where.shape[1]
        terms = [self.augmentation.draw(groups, rng)]
        terms[0][:, 2] += self._centre
        if self.augmentation.elastic:
            terms.append(_amounts(self.augmentation.elastic, (2, GRID**2, groups), rng))
        np.matmul(self._basis, np.concatenate(terms, axis=1), out=buffers.positions)
        np.clip(buffers.positions, 0, self._limit, out=buffers.positions)
        fixed = buffers.positions.astype(np.int32)
        down, aside = fixed >> SHIFT
        np.add(down * buffers.pitch + aside, buffers.starts, out=buffers.where)
        fixed &= ONE - 1
        low, right = fixed.view(np.uint32)
        return _Shares(ONE - right, right, (ONE - low) * np.uint32(1 << 16) | low)


class _Shares(NamedTuple):
    """Shares of a pixel and its neighbours, (pixels, groups), in units of 1 / `ONE`; the last holds two."""

    left: Words
    right: Words
    upper_and_lower: Words


class _Buffers:
    """Arrays for `count` images. They are kept, because allocating them costs more than filling them.

    Image n belongs to group n % groups, whose images share a transform; arrays of samples are (shared,
    pixels, groups).
    """

    def __init__(self, height: int, width: int, count: int, shared: int) -> None:
        self.count = count
        groups = -(-count // shared)
        # the border on the left of a row is the one on the right of the row above
        rows, self.pitch = height + 2 * BORDER, width + BORDER
        area, pixels = rows * self.pitch, height * width
        self.padded = np.zeros((groups * shared, rows, self.pitch), np.uint8)
        self.inside = self.padded[:count, BORDER : BORDER + height, BORDER:]
        # arrays that are not needed at the same time share memory, which then stays in the cache
        packed, shifted = np.empty((2, groups * shared * area), np.uint32)
        samples = shared, pixels, groups
        self.packed, self.value = packed.reshape(shared, -1), _viewed(packed, samples, np.float32)
        self.shifted, self.others = shifted, _viewed(shifted, samples, np.uint32)
        self.grain = _viewed(shifted, samples, np.float32)
        self.starts = np.arange(0, groups * area, area, dtype=np.int32)
        self.positions = np.empty((2, pixels, groups), np.float32)
        self.where = np.empty((pixels, groups), np.intp)
        self.words = np.empty(samples, np.uint32)


def _viewed(words: Words, shape: tuple[int, ...], dtype: type[Any]) -> NDArray[Any]:
    viewed: NDArray[Any] = words[: math.prod(shape)].view(dtype)
    return viewed.reshape(shape)


def _pack(buffers: _Buffers) -> None:
    """Fill each word with a pixel and its right, lower and lower right neighbours, lowest byte first."""
    words, shifted = buffers.packed.reshape(-1), buffers.shifted
    np.copyto(words, buffers.padded.reshape(-1))
    for distance, bits in ((1, 8), (buffers.pitch, 16)):
        np.left_shift(words[distance:], bits, out=shifted[distance:])
        np.bitwise_or(words[:-distance], shifted[distance:], out=words[:-distance])


def _blend(buffers: _Buffers, shares: _Shares) -> int:
    """Fill `value` with blends of the four bytes of each word; return the number that stands for white.

    The upper and the lower pair are blended along the row at once, in the two halves of a word. One product
    of the halves with both shares then has the blend of the two in its upper half: (l + h·2¹⁶)(b + a·2¹⁶)
    modulo 2³² is l·b + (l·a + h·b)·2¹⁶, and nothing is carried as long as the shares have seven bits.
    """
    words, others = buffers.words, buffers.others
    np.right_shift(words, 8, out=others)
    for pixels, share in ((words, shares.left), (others, shares.right)):
        np.bitwise_and(pixels, UPPER_AND_LOWER, out=pixels)
        np.multiply(pixels, share, out=pixels)
    np.add(words, others, out=words)
    np.add(words, HALVES, out=words)
    np.right_shift(words, SHIFT, out=words)
    np.bitwise_and(words, UPPER_AND_LOWER, out=words)
    np.multiply(words, shares.upper_and_lower, out=words)
    np.copyto(buffers.value, words.view(np.int32))
    return WHITE * ONE << 16


def _amounts(bound: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw uniformly from -bound to bound."""
    return (rng.random(shape, np.float32) * 2 - 1) * np.float32(bound)


def _basis(height: int, width: int, elastic: bool) -> NDArray[np.float32]:
    """Return the matrix (pixels, terms) that maps coefficients of y, x, 1 and grid points to positions."""
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


def _stroke(buffers: _Buffers, amounts: NDArray[np.float32]) -> None:
    """Move the edges of the ink by `amounts` pixels: outwards where positive, inwards where negative."""
    flip = np.where(amounts > 0, 0, WHITE).astype(np.uint8)[:, None, None]
    ink = buffers.padded[: buffers.count] ^ flip  # thinning the ink is widening the background
    wide = ink.copy()
    to, origin = wide.reshape(-1), ink.reshape(-1)  # the borders keep rows and images apart
    for distance in (1, buffers.pitch):
        np.maximum(to[distance:], origin[:-distance], out=to[distance:])
        np.maximum(to[:-distance], origin[distance:], out=to[:-distance])
    wide -= ink
    growth = wide * (np.abs(amounts) * 256).astype(np.uint16)[:, None, None]
    growth >>= 8
    ink += growth.astype(np.uint8)
    ink ^= flip
    np.copyto(buffers.inside, ink[:, BORDER:-BORDER, BORDER:])


def _add_noise(buffers: _Buffers, bound: float, white: int, rng: np.random.Generator) -> None:
    """Add one of 256 evenly spaced amounts to each `value`, from `-bound` to just below `bound`.

    Each 64-bit random number gives eight of them, which is faster than drawing floats.
    """
    value, grain = buffers.value, buffers.grain
    drawn = np.asarray(rng.bit_generator.random_raw(-(-value.size // 8)), "<u8").view(np.int8)
    np.copyto(grain, drawn[: value.size].reshape(value.shape))
    np.multiply(grain, np.float32(bound * white / 128), out=grain)
    np.add(value, grain, out=value)
    np.clip(value, 0, white, out=value)

"""Show training images a little differently each time, as another hand might have drawn them.

The transforms of a whole batch are computed at once. For each output pixel of each image the source position
follows from one small matrix product; the four neighbours come from a single gather, because they are
packed into one 32-bit word beforehand.
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

FloatArray = NDArray[np.floating[Any]]


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
        y, x = np.mgrid[:height, :width].astype(np.float32)
        centre_y, centre_x = (height - 1) / 2, (width - 1) / 2
        grid = np.stack([y - centre_y, x - centre_x, np.ones_like(x)], axis=-1)
        self._grid = np.ascontiguousarray(grid.reshape(-1, 3))  # (pixels, 3)
        # two zero pixels on each side: everything outside reads them
        self._centre = np.array([centre_y + 2, centre_x + 2], np.float32)[:, None, None]
        self._limit = np.array([height + 2, width + 2], np.float32)[:, None, None]
        self._bumps = _bumps(height, width) if augmentation.elastic else None
        self._padded = np.zeros((batch, height + 4, width + 4), np.uint8)
        self._packed = np.zeros((batch, height + 4, width + 4, 4), np.uint8)
        self._starts = np.arange(batch) * ((height + 4) * (width + 4))
        self._buffers = _Buffers(height * width, batch)

    def __call__(self, images: NDArray[np.uint8], x: FloatArray, rng: np.random.Generator) -> None:
        """Write transformed `images` (n, H, W, C) to the first n columns of `x` (H, C, W, N), in [0, 1]."""
        count = len(images)
        room = self._buffers.first(count)
        self._sample(count, room, rng)
        if self.augmentation.stroke:
            images = _stroked(images, _amounts(self.augmentation.stroke, count, rng))
        for channel in range(images.shape[3]):
            np.take(self._pack(images[..., channel]), room.where, out=room.words, mode="clip")
            _blend(room)
            x[:, channel, :, :count] = room.value.reshape(self.height, self.width, count)
        if self.augmentation.noise:
            _add_noise(x[..., :count], self.augmentation.noise, rng)

    def _sample(self, count: int, room: _Buffers, rng: np.random.Generator) -> None:
        """Work out gather indices into the packed images and the weights of their four taps."""
        positions, whole = room.positions, room.whole
        np.matmul(self._grid, self.augmentation.draw(count, rng), out=positions)
        np.add(positions, self._centre, out=positions)
        if self._bumps is not None:
            bends = _amounts(self.augmentation.elastic, (2, self._bumps.shape[1], count), rng)
            np.add(positions, np.matmul(self._bumps, bends, out=whole), out=positions)
        np.clip(positions, 0, self._limit, out=positions)
        np.floor(positions, out=whole)
        np.subtract(positions, whole, out=positions)
        np.multiply(whole[0], np.float32(self.width + 4), out=room.value)
        np.add(room.value, whole[1], out=room.value)
        np.copyto(room.where, room.value, casting="unsafe")
        np.add(room.where, self._starts[:count], out=room.where)
        _weigh(room)

    def _pack(self, images: NDArray[np.uint8]) -> NDArray[np.uint32]:
        """Return a flat view whose words hold a pixel, its right, lower and lower right neighbour."""
        count = len(images)
        padded, packed = self._padded[:count], self._packed[:count]
        padded[:, 2:-2, 2:-2] = images
        packed[..., 0] = padded
        packed[:, :, :-1, 1] = padded[:, :, 1:]
        packed[:, :-1, :, 2] = padded[:, 1:]
        packed[:, :-1, :-1, 3] = padded[:, 1:, 1:]
        return packed.reshape(-1).view(np.uint32)


class _Buffers:
    """Room for the samples of `count` images: memory that is fetched anew costs more than what fills it."""

    def __init__(self, pixels: int, count: int) -> None:
        self.positions = np.empty((2, pixels, count), np.float32)  # then distances from the pixel
        self.whole = np.empty((2, pixels, count), np.float32)
        self.where = np.empty((pixels, count), np.intp)
        self.weights = np.empty((4, pixels, count), np.float32)
        self.words = np.empty((pixels, count), np.uint32)
        self.value = np.empty((pixels, count), np.float32)
        self.share = np.empty((pixels, count), np.float32)

    def first(self, count: int) -> _Buffers:
        """Return buffers for `count` images: these, or new ones for a rest of a batch."""
        pixels, room = self.value.shape
        return self if count == room else _Buffers(pixels, count)


def _weigh(room: _Buffers) -> None:
    """Fill the bilinear weights of a pixel and its right, lower and lower right neighbour.

    They include the scaling to [0, 1].
    """
    (down, right), weights = room.positions, room.weights
    np.multiply(down, np.float32(1 / 255), out=down)
    np.multiply(down, right, out=weights[3])
    np.subtract(down, weights[3], out=weights[2])
    np.multiply(right, np.float32(1 / 255), out=right)
    np.subtract(right, weights[3], out=weights[1])
    np.subtract(np.float32(1 / 255), right, out=weights[0])
    np.subtract(weights[0], weights[2], out=weights[0])


def _blend(room: _Buffers) -> None:
    """Fill `value` with the weighted sums of the four bytes of each word."""
    taps = room.words.view(np.uint8).reshape(*room.words.shape, 4)
    np.multiply(taps[..., 0], room.weights[0], out=room.value)
    for tap in (1, 2, 3):
        np.multiply(taps[..., tap], room.weights[tap], out=room.share)
        np.add(room.value, room.share, out=room.value)


def _amounts(bound: float, shape: int | tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw uniformly from -bound to bound."""
    return (rng.random(shape, np.float32) * 2 - 1) * np.float32(bound)


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


def _stroked(images: NDArray[np.uint8], amounts: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Move the edges of the ink by `amounts` pixels: outwards where positive, inwards where negative."""
    flip = np.where(amounts > 0, 0, 255).astype(np.uint8)[:, None, None, None]
    ink = images ^ flip  # thinning the ink is widening the background
    wide = ink.copy()
    np.maximum(wide[:, 1:], ink[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], ink[:, 1:], out=wide[:, :-1])
    np.maximum(wide[:, :, 1:], ink[:, :, :-1], out=wide[:, :, 1:])
    np.maximum(wide[:, :, :-1], ink[:, :, 1:], out=wide[:, :, :-1])
    wide -= ink
    growth = wide * (np.abs(amounts) * 256).astype(np.uint16)[:, None, None, None]
    growth >>= 8
    ink += growth.astype(np.uint8)
    ink ^= flip
    return ink


def _add_noise(x: FloatArray, bound: float, rng: np.random.Generator) -> None:
    """Add one of 256 evenly spaced amounts to each pixel: bytes are drawn faster than floats."""
    noise = rng.integers(0, 256, x.shape, np.uint8) * np.float32(bound / 127.5)
    noise -= np.float32(bound)
    x += noise
    np.clip(x, 0, 1, out=x)

"""Where arrays lie: on boundaries that vector instructions like, in large pages, and where others have been.

A network's feature maps and their gradients are larger than the cache of a core. What is only needed for a
moment goes where something else has just been, so that it is still close.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engine.shapes import Shape

__all__ = ["CACHED", "Memory", "Scratch", "long_loops"]

CACHED = 1 << 19  # bytes that stay close until they are used: half of a core's cache on small machines
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
SLAB = 32 << 20  # bytes: what glibc always maps anew, and then clears page by page as they are written
SHORTEST_LOOP = 512  # numbers


class Memory:
    """Arrays cut out of large slabs; each begins on a boundary of 64 bytes, where NumPy promises 16.

    Feature maps in pages of 4 kB are more pages than a core remembers the places of. NumPy asks Linux for
    pages of 2 MB where an allocation has 4 MB or more: with slabs a step of a convolutional network is a few
    per cent shorter. Pages that are never written take no memory: what is not used of a slab costs nothing.
    """

    def __init__(self) -> None:
        self._rest = np.empty(0, np.uint8)

    def take(self, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        """Return zeros of `shape` that share memory with nothing else."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size > len(self._rest):
            self._rest = _slab(max(size, SLAB))
        array = self._rest[:size].view(dtype).reshape(shape)
        self._rest = self._rest[-(-size // ALIGNMENT) * ALIGNMENT :]
        return array


def _slab(size: int) -> NDArray[np.uint8]:
    block = np.zeros(size + ALIGNMENT, np.uint8)
    start = -block.ctypes.data % ALIGNMENT
    return block[start : start + size]


class Scratch:
    """Memory that users take in turns: what one writes lasts until the next one `restart`s.

    Parameters
    ----------
    memory : Memory
        Where it comes from.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._blocks: list[NDArray[np.uint8]] = []
        self._free: list[NDArray[np.uint8]] = []

    def restart(self) -> None:
        """Offer all of the memory to the next user."""
        self._free = sorted(self._blocks, key=len)

    def take(self, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
        """Return an array that shares no memory with what the same user took before."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        place = next((i for i, block in enumerate(self._free) if len(block) >= size), None)
        if place is None:
            block = self._memory.take((size,), np.uint8)
            self._blocks.append(block)
        else:
            block = self._free.pop(place)
        return block[:size].view(dtype).reshape(shape)


@contextmanager
def long_loops() -> Iterator[None]:
    """Keep NumPy from copying one number for each channel into a buffer as long as the channel's rows.

    It does so for rows shorter than its buffers (8192 numbers by default), and adding a bias or multiplying
    by a factor then takes three times as long.
    """
    before = np.setbufsize(SHORTEST_LOOP)
    try:
        yield
    finally:
        np.setbufsize(before)

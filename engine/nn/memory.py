"""Memory for arrays: aligned for vector instructions, in large pages, used again while in the cache.

The feature maps and gradients of a network are larger than the cache of a core. So arrays that are needed
only for a moment are placed in memory that was used just before, which is still in the cache.
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

CACHED = 1 << 19  # bytes that stay in the cache until they are used again: half of its size on small machines
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
SLAB = 32 << 20  # bytes: glibc maps so large a block anew, and its pages are cleared when first written
SHORTEST_LOOP = 512  # numbers


class Memory:
    """Arrays cut out of large slabs; each is aligned to 64 bytes, while NumPy guarantees only 16.

    In pages of 4 kB, feature maps take more pages than the address cache (TLB) of a core has entries. For an
    allocation of 4 MB or more, NumPy asks Linux for pages of 2 MB: with slabs a step of a convolutional
    network is a few per cent shorter. Pages that are never written take no memory, so the unused part of a
    slab costs nothing.
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
    """Memory that several users share, one after the other.

    A user calls `restart` before its first `take`. What it writes is valid until the next user does so.

    Parameters
    ----------
    memory : Memory
        Where new blocks are taken from.
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
    """Let NumPy apply one number for each channel to rows of pixels without copying it to a buffer first.

    NumPy copies where rows are shorter than its buffer (8192 numbers by default). Then adding a bias or
    multiplying by a factor takes three times as long. Inside this context the buffer is shorter.
    """
    before = np.setbufsize(SHORTEST_LOOP)
    try:
        yield
    finally:
        np.setbufsize(before)

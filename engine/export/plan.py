"""Where each buffer of a network stands in one arena of memory.

Buffers that are never alive together may share their place. In a chain only neighbours meet, so putting
them in turn at both ends is as small as can be; where more than two meet, the largest first, each as low as
it fits. The smaller of both is taken, and whichever it is, it is *checked*: no plan leaves here in which
two buffers that are alive together overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.network import Network

__all__ = ["Arena", "Buffer", "Plan", "find_overlap", "plan", "plan_arena", "plan_network"]

WORD = 4  # bytes; everything in an arena begins at a multiple of it


@dataclass(frozen=True)
class Buffer:
    """Memory that is needed for a while.

    Attributes
    ----------
    size : int
        In elements.
    first, last : int
        The first and last moment at which it is in use, both inclusive.
    """

    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are in use at some moment."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """Offsets of buffers in an arena of `size` elements."""

    offsets: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Arena:
    """Where a network's feature maps and its stages' scratch memory stand, in bytes.

    Attributes
    ----------
    buffers : tuple of int
        Offset of each of the network's buffers; -1 for an input that is not in the arena.
    scratch : tuple of int
        Offset of each stage's scratch memory; -1 where there is none.
    size : int
    """

    buffers: tuple[int, ...]
    scratch: tuple[int, ...]
    size: int


def plan(buffers: Sequence[Buffer]) -> Plan:
    """Return a plan for `buffers`, the smallest that is found."""
    candidates = [_both_ends(buffers), _largest_first(buffers)]
    valid = [c for c in candidates if find_overlap(buffers, c) is None]
    best = min(valid, key=lambda c: c.size)
    assert find_overlap(buffers, best) is None
    return best


def plan_network(network: Network[Any]) -> Plan:
    """Return where each buffer stands when all of them, input and output too, share one arena."""
    return plan([Buffer(n, *life) for n, life in zip(network.sizes, network.lifetimes(), strict=True)])


def plan_arena(network: Network[Any], element: int, scratch: Sequence[int], with_input: bool = True) -> Arena:
    """Return where everything stands.

    Parameters
    ----------
    network : Network
    element : int
        Bytes of one number.
    scratch : sequence of int
        Bytes that each stage needs while it runs, 0 for none.
    with_input : bool
        Whether the input is in the arena too.
    """
    lives = list(zip(network.sizes, network.lifetimes(), strict=True))
    maps = [Buffer(_words(n * element), *life) for n, life in lives[0 if with_input else 1 :]]
    extra = [Buffer(_words(n), time, time) for time, n in enumerate(scratch, start=1) if n]
    planned = plan([*maps, *extra])
    offsets = iter([WORD * offset for offset in planned.offsets])
    outside = () if with_input else (-1,)
    buffers = (*outside, *(next(offsets) for _ in maps))
    return Arena(buffers, tuple(next(offsets) if n else -1 for n in scratch), WORD * planned.size)


def _words(size: int) -> int:
    return -(-size // WORD)


def find_overlap(buffers: Sequence[Buffer], planned: Plan) -> tuple[int, int] | None:
    """Return two buffers that `planned` lets overlap (or one twice that leaves the arena), else None."""
    for i, a in enumerate(buffers):
        start, stop = planned.offsets[i], planned.offsets[i] + a.size
        if start < 0 or stop > planned.size:
            return i, i
        for j in range(i):
            b, other = buffers[j], planned.offsets[j]
            if a.meets(b) and start < other + b.size and other < stop:
                return j, i
    return None


def _both_ends(buffers: Sequence[Buffer]) -> Plan:
    total = max(sum(b.size for b in buffers if b.meets(a) and b.first <= a.first) for a in buffers)
    in_turn = sorted(range(len(buffers)), key=lambda i: buffers[i].first)
    offsets = [0] * len(buffers)
    for turn, i in enumerate(in_turn):
        offsets[i] = 0 if turn % 2 == 0 else total - buffers[i].size
    return Plan(tuple(offsets), total)


def _largest_first(buffers: Sequence[Buffer]) -> Plan:
    offsets: dict[int, int] = {}
    for i in sorted(range(len(buffers)), key=lambda i: -buffers[i].size):
        taken = sorted(
            (offsets[j], offsets[j] + buffers[j].size) for j in offsets if buffers[i].meets(buffers[j])
        )
        offset = 0
        for start, stop in taken:
            if offset + buffers[i].size <= start:
                break
            offset = max(offset, stop)
        offsets[i] = offset
    size = max(offsets[i] + b.size for i, b in enumerate(buffers))
    return Plan(tuple(offsets[i] for i in range(len(buffers))), size)

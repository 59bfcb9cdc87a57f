"""Place the buffers of a network in one arena of memory.

Buffers that are never in use at the same time may overlap. A *link* allows more: a stage that reads its input
from front to back can write its output over what it has read, so the output may begin where the input does,
or a little before. Several ways to place buffers are tried and the smallest result is taken. The result is
always checked: no plan is returned in which buffers overlap that must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.nn.call_chain import Network
from engine.stage_code import StageCode

__all__ = [
    "WORD",
    "Arena",
    "Buffer",
    "Link",
    "Plan",
    "arena_needs",
    "find_overlap",
    "plan",
    "plan_arena",
]

WORD = 4  # bytes; everything in an arena begins at a multiple of it


@dataclass(frozen=True)
class Buffer:
    """Memory that is in use for some time.

    Attributes
    ----------
    size : int
        Number of elements.
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
class Link:
    """Permission for the output of a stage to overlap its input.

    Attributes
    ----------
    source, target : int
        Indices of the input and the output.
    lead : int
        The output must begin at least so many elements before the input.
    """

    source: int
    target: int
    lead: int

    def allows(self, offsets: Sequence[int]) -> bool:
        """Whether buffers at `offsets` are far enough apart."""
        return offsets[self.target] + self.lead <= offsets[self.source]


@dataclass(frozen=True)
class Plan:
    """Offsets of buffers in an arena of `size` elements."""

    offsets: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Arena:
    """The places of feature maps and of scratch memory in an arena, in bytes.

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


def plan(buffers: Sequence[Buffer], links: Sequence[Link] = ()) -> Plan:
    """Return the smallest plan for `buffers` that is found."""
    candidates = [_both_ends(buffers)]
    for used in (links, ()):
        blocks = _blocks(buffers, used)
        candidates += [_lowest_first(buffers, sorted(blocks, key=order)) for order in _ORDERS]
    valid = [c for c in candidates if find_overlap(buffers, c, links) is None]
    best = min(valid, key=lambda c: c.size)
    assert find_overlap(buffers, best, links) is None
    return best


def plan_arena(
    network: Network[Any], element: int, codes: Sequence[StageCode], with_input: bool = True
) -> Arena:
    """Return the arena of a network; for the arguments see `arena_needs`."""
    needs, links = arena_needs(network, element, codes, with_input)
    planned = plan(needs, links)
    offsets = iter([WORD * offset for offset in planned.offsets])
    hidden = () if with_input else (-1,)
    buffers = (*hidden, *(next(offsets) for _ in network.sizes[len(hidden) :]))
    return Arena(buffers, tuple(next(offsets) if code.scratch else -1 for code in codes), WORD * planned.size)


def arena_needs(
    network: Network[Any], element: int, codes: Sequence[StageCode], with_input: bool = True
) -> tuple[list[Buffer], list[Link]]:
    """Return the buffers of a network, in words, then those of its stages' scratch memory, and their links.

    Parameters
    ----------
    network : Network
    element : int
        Bytes of one number.
    codes : sequence of StageCode
        The C of each stage, with its scratch memory and lead.
    with_input : bool
        Whether the input of the network has a place in the arena.
    """
    hidden = 0 if with_input else 1
    lives = list(zip(network.sizes, network.lifetimes(), strict=True))
    maps = [Buffer(_words(n * element), *life) for n, life in lives[hidden:]]
    extra = [Buffer(_words(code.scratch), i, i) for i, code in enumerate(codes, start=1) if code.scratch]
    links = [
        Link(stage.source - hidden, stage.target - hidden, _words(code.lead))
        for stage, code in zip(network.stages, codes, strict=True)
        if code.lead is not None and stage.target != stage.source > 0
    ]
    return [*maps, *extra], links


def _words(size: int) -> int:
    return -(-size // WORD)


def find_overlap(
    buffers: Sequence[Buffer], planned: Plan, links: Sequence[Link] = ()
) -> tuple[int, int] | None:
    """Return a forbidden overlap of two buffers, or a buffer outside the arena twice; None if all is well."""
    allowed = {frozenset((link.source, link.target)) for link in links if link.allows(planned.offsets)}
    for i, a in enumerate(buffers):
        start, stop = planned.offsets[i], planned.offsets[i] + a.size
        if start < 0 or stop > planned.size:
            return i, i
        for j in range(i):
            b, other = buffers[j], planned.offsets[j]
            apart = not a.meets(b) or start >= other + b.size or other >= stop
            if not apart and frozenset((i, j)) not in allowed:
                return j, i
    return None


def _both_ends(buffers: Sequence[Buffer]) -> Plan:
    """Put buffers at both ends in turn. In a chain only neighbours meet, and no plan is smaller."""
    total = max(sum(b.size for b in buffers if b.meets(a) and b.first <= a.first) for a in buffers)
    in_turn = sorted(range(len(buffers)), key=lambda i: buffers[i].first)
    offsets = [0] * len(buffers)
    for turn, i in enumerate(in_turn):
        offsets[i] = 0 if turn % 2 == 0 else total - buffers[i].size
    return Plan(tuple(offsets), total)


@dataclass(frozen=True)
class _Block:
    """Buffers that are joined by links.

    Attributes
    ----------
    members : tuple of int
    places : tuple of int
        The start of each member, relative to the start of the block.
    size, first : int
        Size and first moment of the whole block.
    """

    members: tuple[int, ...]
    places: tuple[int, ...]
    size: int
    first: int


_ORDERS: tuple[Callable[[_Block], tuple[int, int]], ...] = (
    lambda block: (-block.size, block.first),
    lambda block: (block.first, -block.size),
    lambda block: (-block.first, -block.size),
)


def _blocks(buffers: Sequence[Buffer], links: Sequence[Link]) -> list[_Block]:
    """Return the blocks that `links` make of `buffers`; a buffer without links is a block of its own."""
    following = {link.source: link for link in links}
    targets = {link.target for link in links}
    return [_block(buffers, i, following) for i in range(len(buffers)) if i not in targets]


def _block(buffers: Sequence[Buffer], start: int, following: dict[int, Link]) -> _Block:
    members, places = [start], [0]
    while link := following.get(members[-1]):
        members.append(link.target)
        places.append(places[-1] - link.lead)
    lowest = min(places)
    places = [place - lowest for place in places]
    size = max(place + buffers[i].size for i, place in zip(members, places, strict=True))
    return _Block(tuple(members), tuple(places), size, min(buffers[i].first for i in members))


def _lowest_first(buffers: Sequence[Buffer], blocks: Sequence[_Block]) -> Plan:
    """Put each block in turn at the lowest place where it meets none of those before."""
    offsets: dict[int, int] = {}
    for block in blocks:
        offset = 0
        while (higher := _pushed(buffers, offsets, block, offset)) > offset:
            offset = higher
        offsets |= {i: offset + place for i, place in zip(block.members, block.places, strict=True)}
    size = max(offsets[i] + b.size for i, b in enumerate(buffers))
    return Plan(tuple(offsets[i] for i in range(len(buffers))), size)


def _pushed(buffers: Sequence[Buffer], offsets: dict[int, int], block: _Block, offset: int) -> int:
    """Return `offset`, or a higher place to which obstacles push a block at that offset."""
    return max((offset, *_obstacles(buffers, offsets, block, offset)))


def _obstacles(
    buffers: Sequence[Buffer], offsets: dict[int, int], block: _Block, offset: int
) -> Iterator[int]:
    for i, place in zip(block.members, block.places, strict=True):
        start, own = offset + place, buffers[i]
        for j, other in offsets.items():
            stop = other + buffers[j].size
            if own.meets(buffers[j]) and start < stop and other < start + own.size:
                yield stop - place

"""Pack small networks into squares, so that one batched product computes a layer of all of them.

Two networks of the same depth whose widths add up to the side of a square lie in it as two blocks on its
diagonal. Squares are in the order of their depth: at each layer some squares end, which are a slice, and the
rest goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.sweep.stacks.chain import Chain

__all__ = ["Packing", "Place", "pack", "shares", "side_class"]

SIDE = 20  # products of smaller matrices take as long; packed larger ones multiply zeros
TOGETHER = 2  # networks in a square: the outputs of all lie below each other


@dataclass(frozen=True)
class Place:
    """Where a network is: its square, its first row there, and which network of the square it is."""

    square: int
    row: int
    member: int


@dataclass(frozen=True)
class Packing:
    """Squares of networks.

    Attributes
    ----------
    side : int
        Rows of a square.
    members : int
        Networks that a square can hold.
    depths : tuple of int
        Hidden layers of each square, ascending.
    places : tuple of Place
        Of each network.
    """

    side: int
    members: int
    depths: tuple[int, ...]
    places: tuple[Place, ...]

    def first(self, layer: int) -> int:
        """Return the first square that has the hidden layer `layer`, counted from 0."""
        return sum(depth <= layer for depth in self.depths)


def side_class(chain: Chain) -> int:
    """Return a number that is the same for networks that fit into squares of one side."""
    widest = max(chain.widths)
    return SIDE if widest <= SIDE else -(-widest // 8) * 8


def pack(chains: Sequence[Chain]) -> Packing:
    """Return a packing of networks that have the same `side_class`."""
    squares = _squares(chains)
    places: dict[int, Place] = {}
    for number, square in enumerate(squares):
        ends = accumulate((_width(chains[i]) for i in square), initial=0)
        places |= {
            i: Place(number, row, member) for member, (i, row) in enumerate(zip(square, ends, strict=False))
        }
    return Packing(
        max(sum(_width(chains[i]) for i in square) for square in squares),
        max(map(len, squares)),
        tuple(chains[square[0]].depth for square in squares),
        tuple(places[i] for i in range(len(chains))),
    )


def shares(chains: Sequence[Chain], count: int) -> list[list[int]]:
    """Divide networks into at most `count` parts that take about as long; squares stay whole.

    Returns
    -------
    list of list of int
        Indices of networks, ascending in each part.
    """
    parts: list[list[int]] = [[] for _ in range(count)]
    work = [0] * count
    squares = _squares(chains)
    for square in sorted(squares, key=lambda square: -_work(square, chains)):
        least = work.index(min(work))
        parts[least] += square
        work[least] += _work(square, chains)
    return [sorted(part) for part in parts if part]


def _width(chain: Chain) -> int:
    return max(chain.widths)


def _work(square: Sequence[int], chains: Sequence[Chain]) -> int:
    """Return the multiplications of a step, up to a factor: the first layer has only rows that exist."""
    first = sum(chains[i].inputs * chains[i].widths[0] for i in square)
    return first + chains[square[0]].depth * max(SIDE, _width(chains[square[0]])) ** 2


def _squares(chains: Sequence[Chain]) -> list[list[int]]:
    """Return the networks of each square: first fit, the widest first, one depth after the other."""
    widths = [_width(chain) for chain in chains]
    room = max(*widths, min(SIDE, max(widths) + min(widths)))
    by_depth: defaultdict[int, list[int]] = defaultdict(list)
    for i, chain in enumerate(chains):
        by_depth[chain.depth].append(i)
    found: list[list[int]] = []
    for depth in sorted(by_depth):
        found += _first_fit(sorted(by_depth[depth], key=lambda i: -widths[i]), widths, room)
    return found


def _first_fit(numbers: Sequence[int], widths: Sequence[int], room: int) -> list[list[int]]:
    squares: list[list[int]] = []
    for i in numbers:
        fitting = (s for s in squares if len(s) < TOGETHER and sum(widths[j] for j in s) + widths[i] <= room)
        square = next(fitting, None)
        if square is None:
            squares.append([i])
        else:
            square.append(i)
    return squares

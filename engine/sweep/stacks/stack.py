"""Dense networks that train together: a step of hundreds of them is about as many calls as a step of one.

All networks see the same batch. Each starts from its own parameters and has its own learning rate, and gets
the same weights as if it trained alone, up to the order in which sums are rounded.

Two networks may share a square (`engine.sweep.stacks.packing`), whose products multiply one's numbers by the
other's zeros. That is harmless as long as all numbers are finite: 0 · inf is not. So every activation and
gradient is compared with `LARGEST` before the next product reads it. A network with a larger one is taken out
at once: its parameters become zero, and it counts as diverged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engine.nn.memory import Memory
from engine.nn.param import FloatArray
from engine.sweep.stacks.chain import Chain
from engine.sweep.stacks.layers import FirstLayer, Pair, SquareLayer, largest
from engine.sweep.stacks.packing import Place, pack
from engine.training.trainer import EXPLODED

__all__ = ["Stack", "StackedNetwork", "loss_sums"]

LARGEST = 1e12  # products of two such numbers, and sums of thousands of them, are finite in float32
CALM = EXPLODED / 4  # logits up to here differ so little that no loss can reach `EXPLODED`

_Kind = Callable[[FirstLayer | SquareLayer], Pair]


@dataclass(frozen=True)
class StackedNetwork:
    """One network of a stack, as it begins.

    Attributes
    ----------
    chain : Chain
    params : ndarray
        In the order of `ParamLayout`.
    rate : float
        Its learning rate.
    velocity : ndarray or None
        In the same order, and multiplied by the rate; None to train without momentum.
    """

    chain: Chain
    params: FloatArray
    rate: float
    velocity: FloatArray | None = None


class Stack:
    """Networks of one activation function, input size and number of classes, and one batch size.

    Parameters
    ----------
    networks : sequence of StackedNetwork
        All of one `side_class`, and all with or without momentum. Their arrays are copied.
    batch : int
    dtype : dtype
        float32, or float64 in tests.

    Attributes
    ----------
    chains : tuple of Chain
    batch : int
    diverged : set of int
        The networks that were taken out.
    """

    def __init__(self, networks: Sequence[StackedNetwork], batch: int, dtype: DTypeLike = np.float32) -> None:
        self.chains = tuple(network.chain for network in networks)
        self.batch = batch
        self.diverged: set[int] = set()
        self._dtype: np.dtype[Any] = np.dtype(dtype)
        self._packing = pack(self.chains)
        self._activation = self.chains[0].activation
        self._bounded = all(map(math.isfinite, self._activation.codomain))
        memory = Memory()
        self._make_buffers(memory)
        self._make_layers(memory, networks[0].velocity is not None)
        self._rates = self._spread([network.rate for network in networks])
        for number, network in enumerate(networks):
            self._write(number, network.params, _params)
            if network.velocity is not None:
                self._write(number, network.velocity, _velocity)

    def _make_buffers(self, memory: Memory) -> None:
        packing, squares = self._packing, len(self._packing.depths)
        self._firsts = [packing.first(k) for k in range(packing.depths[-1] + 1)]
        shape = (squares, packing.side, self.batch)
        takes = [(squares - first, *shape[1:]) for first in self._firsts[:-1]]
        self._a = [memory.take(take, self._dtype) for take in takes]
        self._ends, self._end_grads = memory.take(shape, self._dtype), memory.take(shape, self._dtype)
        self._d = [memory.take(shape, self._dtype) for _ in range(2)]
        self._cut = memory.take(shape, np.bool_)
        outputs = (squares, packing.members, self.chains[0].classes, self.batch)
        self._z: FloatArray = memory.take(outputs, self._dtype)
        self._x: FloatArray = memory.take((self.batch, self.chains[0].inputs), self._dtype)

    def _make_layers(self, memory: Memory, momentum: bool) -> None:
        masks, last = self._masks(), self._last_mask()
        work = memory.take((max(mask.size for mask in (*masks, last)),), self._dtype)
        self._first = FirstLayer(self._rows(), self._x, memory, momentum)
        self._hidden = [SquareLayer(mask, work, memory, self.batch, momentum) for mask in masks]
        self._last = SquareLayer(last, work, memory, self.batch, momentum)

    # Where the parts of a network are

    def _rows(self) -> NDArray[np.intp]:
        """Return the rows of the neurons of all first layers, among the rows of all squares."""
        pairs = zip(self._packing.places, self.chains, strict=True)
        starts = [(place.square * self._packing.side + place.row, chain.widths[0]) for place, chain in pairs]
        return np.concatenate([np.arange(start, start + width) for start, width in sorted(starts)])

    def _masks(self) -> list[FloatArray]:
        """Return the masks of all hidden layers but the first; equal ones share memory, and so the cache."""
        found: list[FloatArray] = []
        for layer in range(1, self._packing.depths[-1]):
            mask = self._mask(layer)
            tail = found[0][-len(mask) :] if found else mask
            found.append(tail if np.array_equal(tail, mask) else mask)
        return found

    def _mask(self, layer: int) -> FloatArray:
        """Return the mask of hidden layer `layer`, from 1 on."""
        side, first = self._packing.side, self._firsts[layer]
        mask = np.zeros((len(self._packing.depths) - first, side, side), self._dtype)
        for place, chain in zip(self._packing.places, self.chains, strict=True):
            if chain.depth > layer:
                rows, columns = _block(place, chain.widths[layer], chain.widths[layer - 1])
                mask[place.square - first, rows, columns] = 1
        return mask

    def _last_mask(self) -> FloatArray:
        packing, classes = self._packing, self.chains[0].classes
        mask = np.zeros((len(packing.depths), packing.members * classes, packing.side), self._dtype)
        for place, chain in zip(packing.places, self.chains, strict=True):
            rows, columns = self._outputs(place), slice(place.row, place.row + chain.widths[-1])
            mask[place.square, rows, columns] = 1
        return mask

    def _outputs(self, place: Place) -> slice:
        classes = self.chains[0].classes
        return slice(place.member * classes, (place.member + 1) * classes)

    def _views(self, network: int, kind: _Kind) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield weight and bias of each layer of a network, or its velocities, as views."""
        place, chain = self._packing.places[network], self.chains[network]
        start = int(np.searchsorted(self._first.rows, place.square * self._packing.side + place.row))
        rows = slice(start, start + chain.widths[0])
        first, last = kind(self._first), kind(self._last)
        yield first.weight[rows], first.bias[rows, 0]
        for k, (layer, width) in enumerate(zip(self._hidden, chain.widths[1:], strict=False), 1):
            rows, columns = _block(place, width, chain.widths[k - 1])
            pair, square = kind(layer), place.square - self._firsts[k]
            yield pair.weight[square, rows, columns], pair.bias[square, rows, 0]
        rows, columns = self._outputs(place), slice(place.row, place.row + chain.widths[-1])
        yield last.weight[place.square, rows, columns], last.bias[place.square, rows, 0]

    def _spread(self, values: Sequence[float]) -> FloatArray:
        """Return one number for each network as (squares, members, 1, 1), 0 where there is none."""
        packing = self._packing
        spread = np.zeros((len(packing.depths), packing.members, 1, 1))
        for place, value in zip(packing.places, values, strict=True):
            spread[place.square, place.member] = value
        return spread

    def of_networks(self, values: FloatArray) -> FloatArray:
        """Return what `values` (squares, members, …) has for each network: (networks, …)."""
        places = self._packing.places
        return values[[place.square for place in places], [place.member for place in places]]

    def params(self, network: int) -> FloatArray:
        """Return a copy of a network's parameters, in the order of `ParamLayout`."""
        return self._read(network, _params)

    def velocity(self, network: int) -> FloatArray | None:
        """Return a copy of a network's velocities in the same order; None without momentum."""
        return None if self._first.velocity is None else self._read(network, _velocity)

    def _read(self, network: int, kind: _Kind) -> FloatArray:
        pairs = list(self._views(network, kind))
        return np.concatenate([part.ravel() for side in zip(*pairs, strict=True) for part in side])

    def _write(self, network: int, vector: FloatArray, kind: _Kind) -> None:
        given = self.chains[network].layers(vector)
        for own, new in zip(self._views(network, kind), given, strict=True):
            for target, values in zip(own, new, strict=True):
                target[...] = values

    # A pass

    def forward(self, images: NDArray[np.uint8]) -> FloatArray:
        """Return the outputs for up to `batch` images (n, inputs): (squares, members, classes, n)."""
        part = self._x[: len(images)]
        np.copyto(part, images)
        np.multiply(part, self._dtype.type(1 / 255), out=part)
        return self._forward()[..., : len(images)]

    def _forward(self) -> FloatArray:
        firsts, activate, below = self._firsts, self._activation.forward, self._a[0]
        self._first.forward(activate, below)
        self._watch_forward(below, 0)
        self._ends[: firsts[1]] = below[: firsts[1]]
        for k, layer in enumerate(self._hidden, 1):
            ended, above = firsts[k] - firsts[k - 1], self._a[k]
            layer.forward(below[ended:], above)
            activate(above)
            self._watch_forward(above, k)
            self._ends[firsts[k] : firsts[k + 1]] = above[: firsts[k + 1] - firsts[k]]
            below = above
        flat = self._z.reshape(len(self._z), -1, self.batch)
        self._last.forward(self._ends, flat)
        return self._z

    def step(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer],
        factor: float = 1.0,
        carry: float = 0.0,
    ) -> None:
        """Take a step with a whole batch.

        Parameters
        ----------
        images : ndarray of uint8, shape (batch, inputs)
        labels : ndarray of integers, shape (batch,)
        factor : float
            Of all learning rates.
        carry : float
            Of velocities: the momentum, times this factor over the last one.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # `_watch` deals with it
            self._step(self.forward(images), labels, factor, carry)

    def _step(self, z: FloatArray, labels: NDArray[np.integer], factor: float, carry: float) -> None:
        if not largest(z) < CALM:
            self._check_losses(z, labels)
        z -= z.max(axis=2, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=2, keepdims=True)
        z -= labels == np.arange(z.shape[2])[:, None]
        z *= (self._rates * (factor / self.batch)).astype(self._dtype)
        self._last.backward(self._ends, z.reshape(len(z), -1, self.batch), self._end_grads, carry)
        self._backward(carry)

    def _backward(self, carry: float) -> None:
        firsts = self._firsts
        for k in range(len(self._hidden), -1, -1):
            d = self._d[k % 2][firsts[k] :]
            ended = firsts[k + 1] - firsts[k]
            d[:ended] = self._end_grads[firsts[k] : firsts[k + 1]]
            self._activation.backward(self._a[k], d, self._cut[firsts[k] :])
            self._watch(d, k)
            if k:
                skipped = firsts[k] - firsts[k - 1]
                below = self._d[(k - 1) % 2][firsts[k] :]
                self._hidden[k - 1].backward(self._a[k - 1][skipped:], d, below, carry)
            else:
                self._first.backward(d, carry)

    # Divergence

    def take_out(self, network: int) -> None:
        """Let a network count as diverged, and do nothing from now on."""
        self.diverged.add(network)
        place = self._packing.places[network]
        self._rates[place.square, place.member] = 0
        nothing = np.zeros(self.chains[network].parameters, self._dtype)
        self._write(network, nothing, _params)
        if self._first.velocity is not None:
            self._write(network, nothing, _velocity)

    def _check_losses(self, z: FloatArray, labels: NDArray[np.integer]) -> None:
        """Take the networks out whose mean loss is larger than `EXPLODED`, or no number."""
        means = self.of_networks(loss_sums(z, labels)) / self.batch
        for network in np.flatnonzero(~(means <= EXPLODED)):
            place = self._packing.places[network]
            z[place.square, place.member] = 0
            self.take_out(int(network))

    def _watch_forward(self, rows: FloatArray, layer: int) -> None:
        if not self._bounded:
            self._watch(rows, layer)

    def _watch(self, rows: FloatArray, layer: int) -> None:
        """Take the networks out whose numbers in `rows`, of hidden layer `layer`, are too large."""
        if largest(rows) < LARGEST:
            return
        for network, place in enumerate(self._packing.places):
            chain = self.chains[network]
            if chain.depth > layer:
                own = rows[place.square - self._firsts[layer], place.row : place.row + max(chain.widths)]
                if not np.abs(own).max() < LARGEST:
                    own[...] = 0
                    self.take_out(network)


def loss_sums(z: FloatArray, labels: NDArray[np.integer]) -> FloatArray:
    """Return the sums of the cross-entropy of outputs (squares, members, classes, n): (squares, members)."""
    shifted = z - z.max(axis=2, keepdims=True)
    right = shifted[:, :, labels, np.arange(z.shape[3])]
    sums: FloatArray = (np.log(np.exp(shifted).sum(axis=2)) - right).sum(axis=2)
    return sums


def _block(place: Place, rows: int, columns: int) -> tuple[slice, slice]:
    return slice(place.row, place.row + rows), slice(place.row, place.row + columns)


def _params(layer: FirstLayer | SquareLayer) -> Pair:
    return layer.params


def _velocity(layer: FirstLayer | SquareLayer) -> Pair:
    assert layer.velocity is not None
    return layer.velocity

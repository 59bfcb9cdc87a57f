"""Dense networks that train together: a step of hundreds of them is about as many calls as a step of one.

All networks see the same batch. Each starts from its own parameters and has its own learning rate, and gets
the same weights as if it trained alone, up to the order in which sums are rounded.

Two networks may share a square (`engine.sweep.packing`), whose products multiply one's numbers by the other's
zeros. That is harmless as long as all numbers are finite: 0 · inf is not. So no activation and no gradient
may grow beyond `LARGEST` before the next product reads it. The network that it belongs to is taken out at
once: its parameters become zero, and it counts as diverged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engine.nn.memory import Memory
from engine.nn.param import FloatArray
from engine.sweep.chain import Chain
from engine.sweep.packing import Place, pack
from engine.sweep.stack_layers import FirstLayer, SquareLayer, largest
from engine.training.trainer import EXPLODED

__all__ = ["Stack", "loss_sums"]

LARGEST = 1e12  # products of two such numbers, and sums of thousands of them, are finite in float32
CALM = EXPLODED / 4  # logits up to here differ so little that no loss can reach `EXPLODED`


class Stack:
    """Networks of one activation function, input size and number of classes, and one batch size.

    Parameters
    ----------
    chains : sequence of Chain
        The networks; all of one `side_class`.
    params : sequence of ndarray
        Their parameters, in the order of `ParamLayout`; they are copied.
    rates : sequence of float
        Their learning rates.
    batch : int
    dtype : dtype
        float32, or float64 in tests.

    Attributes
    ----------
    diverged : set of int
        The networks that were taken out.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        params: Sequence[FloatArray],
        rates: Sequence[float],
        batch: int,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.chains = tuple(chains)
        self.batch = batch
        self.diverged: set[int] = set()
        self._dtype: np.dtype[np.floating[Any]] = np.dtype(dtype)
        self._packing = pack(chains)
        self._activation = chains[0].activation
        self._bounded = all(map(math.isfinite, self._activation.codomain))
        memory = Memory()
        self._make_layers(memory)
        self._make_buffers(memory)
        self._rates = self._spread(rates)
        for network, vector in enumerate(params):
            self._write(network, vector)

    def _make_layers(self, memory: Memory) -> None:
        chains, packing, batch = self.chains, self._packing, self.batch
        self._firsts = [packing.first(k) for k in range(packing.depths[-1] + 1)]
        masks = [self._mask(k) for k in range(1, packing.depths[-1])]
        last = self._last_mask()
        work = memory.take((max(mask.size for mask in (*masks, last)),), self._dtype)
        self._first = FirstLayer(self._rows(), chains[0].inputs, batch, memory, self._dtype)
        self._hidden = [SquareLayer(mask, work, memory, batch) for mask in masks]
        self._last = SquareLayer(last, work, memory, batch)

    def _make_buffers(self, memory: Memory) -> None:
        packing, squares = self._packing, len(self._packing.depths)
        shape = (squares, packing.side, self.batch)
        takes = [(squares - first, *shape[1:]) for first in self._firsts[:-1]]
        self._a = [memory.take(take, self._dtype) for take in takes]
        self._ends, self._end_grads = memory.take(shape, self._dtype), memory.take(shape, self._dtype)
        self._d = [memory.take(shape, self._dtype) for _ in range(2)]
        self._cut = memory.take(shape, np.bool_)
        outputs = (squares, packing.members, self.chains[0].classes, self.batch)
        self._z: FloatArray = memory.take(outputs, self._dtype)
        self._x: FloatArray = memory.take((self.batch, self.chains[0].inputs), self._dtype)

    # Where the parts of a network are

    def _rows(self) -> NDArray[np.intp]:
        side, order = (
            self._packing.side,
            sorted(zip(self._packing.places, self.chains, strict=True), key=_place),
        )
        return np.concatenate([p.square * side + p.row + np.arange(c.widths[0]) for p, c in order])

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

    def _views(self, network: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield weight and bias of each layer of a network, as views."""
        place, chain = self._packing.places[network], self.chains[network]
        start = int(np.searchsorted(self._first.rows, place.square * self._packing.side + place.row))
        rows = slice(start, start + chain.widths[0])
        yield self._first.weight[rows], self._first.bias[rows, 0]
        for k, (layer, width) in enumerate(zip(self._hidden, chain.widths[1:], strict=False), 1):
            rows, columns = _block(place, width, chain.widths[k - 1])
            square = place.square - self._firsts[k]
            yield layer.weight[square, rows, columns], layer.bias[square, rows, 0]
        rows, columns = self._outputs(place), slice(place.row, place.row + chain.widths[-1])
        yield self._last.weight[place.square, rows, columns], self._last.bias[place.square, rows, 0]

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
        pairs = list(self._views(network))
        return np.concatenate([part.ravel() for kind in zip(*pairs, strict=True) for part in kind])

    def _write(self, network: int, vector: FloatArray) -> None:
        pairs = zip(self._views(network), self.chains[network].layers(vector), strict=True)
        for (weight, bias), (given_weight, given_bias) in pairs:
            weight[...] = given_weight
            bias[...] = given_bias

    # A pass

    def load(self, images: NDArray[np.uint8]) -> FloatArray:
        """Write up to `batch` images (n, inputs) to the input, scaled to [0, 1]; return the input."""
        part = self._x[: len(images)]
        np.copyto(part, images)
        np.multiply(part, self._dtype.type(1 / 255), out=part)
        return self._x

    def forward(self, x: FloatArray) -> FloatArray:
        """Return the outputs for `x` (batch, inputs): (squares, members, classes, batch)."""
        firsts, activate, below = self._firsts, self._activation.forward, self._a[0]
        self._first.forward(x, activate, below)
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

    def step(self, x: FloatArray, labels: NDArray[np.integer], factor: float = 1.0) -> None:
        """Take a step with a batch: `x` (batch, inputs), `labels` (batch,); `factor` is of all rates."""
        with np.errstate(over="ignore", invalid="ignore"):  # `_watch` deals with it
            self._step(x, labels, factor)

    def _step(self, x: FloatArray, labels: NDArray[np.integer], factor: float) -> None:
        z = self.forward(x)
        if not largest(z) < CALM:
            self._check_losses(z, labels)
        z -= z.max(axis=2, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=2, keepdims=True)
        z -= labels == np.arange(z.shape[2])[:, None]
        z *= (self._rates * (factor / self.batch)).astype(self._dtype)
        self._last.backward(self._ends, z.reshape(len(z), -1, self.batch), self._end_grads)
        self._backward(x)

    def _backward(self, x: FloatArray) -> None:
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
                self._hidden[k - 1].backward(self._a[k - 1][skipped:], d, below)
            else:
                self._first.backward(x, d)

    # Divergence

    def take_out(self, network: int) -> None:
        """Let a network count as diverged, and do nothing from now on."""
        self.diverged.add(network)
        place = self._packing.places[network]
        self._rates[place.square, place.member] = 0
        for weight, bias in self._views(network):
            weight[...] = 0
            bias[...] = 0

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


def _place(item: tuple[Place, Chain]) -> tuple[int, int]:
    return item[0].square, item[0].row

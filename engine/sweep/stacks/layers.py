"""One layer of many networks: its arrays, and one product for all of them in each pass.

Activations are (squares, side, batch), the batch last. A weight (squares, side, side) has the networks of a
square as blocks on its diagonal. The gradient is masked, so what lies outside of the blocks stays zero.

The gradients that arrive here are multiplied by the learning rates already, each network's by its own. So are
velocities; `carry` is the momentum, times what the schedule has changed since the last step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.nn.activations import Forward
from engine.nn.layers.products import UNPACKED
from engine.nn.memory import Memory
from engine.nn.param import FloatArray
from engine.shapes import Shape

__all__ = ["FirstLayer", "Pair", "SquareLayer", "largest"]

ROWS = 4  # that the kernels of matrix products take together


class Pair(NamedTuple):
    """Weights and biases of a layer, or what belongs to each of them."""

    weight: FloatArray
    bias: FloatArray


def _pair(take: Callable[[Shape], FloatArray], weight: Shape) -> Pair:
    return Pair(take(weight), take((*weight[:-1], 1)))


class SquareLayer:
    """A layer behind the first one, of all squares that have it.

    Parameters
    ----------
    mask : ndarray of floats, shape (squares, rows, columns)
        1 inside of the blocks, 0 elsewhere.
    work : ndarray of floats, shape (n,)
        Memory for the gradient; layers may share it.
    memory : Memory
    batch : int
    momentum : bool
        Whether there are velocities.

    Attributes
    ----------
    params : Pair
        Weight (squares, rows, columns) and bias (squares, rows, 1).
    velocity : Pair or None
    """

    def __init__(
        self, mask: FloatArray, work: FloatArray, memory: Memory, batch: int, momentum: bool
    ) -> None:
        def take(shape: Shape) -> FloatArray:
            return memory.take(shape, mask.dtype)

        squares, rows, _ = mask.shape
        self.params = _pair(take, mask.shape)
        self.velocity = _pair(take, mask.shape) if momentum else None
        self._mask = mask
        self._ones = np.ones(batch, mask.dtype)
        self._grad = work[: mask.size].reshape(mask.shape)
        self._sums = take((squares * rows,))
        self._transposed = self.params.weight.swapaxes(1, 2)

    def forward(self, x: FloatArray, y: FloatArray) -> None:
        """Write ``weight @ x + bias`` to `y`."""
        np.matmul(self.params.weight, x, out=y)
        np.add(y, self.params.bias, out=y)

    def backward(self, x: FloatArray, dy: FloatArray, dx: FloatArray, carry: float) -> None:
        """Write the gradient of the input to `dx`, and take a step."""
        weight, bias = self.params
        steady, steady_bias = self.velocity or (None, None)
        np.matmul(self._transposed, dy, out=dx)
        np.matmul(dy, x.swapaxes(1, 2), out=self._grad)
        np.multiply(self._grad, self._mask, out=self._grad)
        _take_step(weight, self._grad, steady, carry)
        np.matmul(dy.reshape(-1, len(self._ones)), self._ones, out=self._sums)
        _take_step(bias, self._sums.reshape(bias.shape), steady_bias, carry)


class FirstLayer:
    """The first layers of all networks: one product over exactly the neurons that there are.

    Parameters
    ----------
    rows : ndarray of intp, shape (neurons,)
        Where each neuron's row is among the rows of all squares, ascending.
    x : ndarray of floats, shape (batch, inputs)
        The input.
    memory : Memory
    momentum : bool
        Whether there are velocities.

    Attributes
    ----------
    params : Pair
        Weight (neurons, inputs) and bias (neurons, 1).
    velocity : Pair or None
    """

    def __init__(self, rows: NDArray[np.intp], x: FloatArray, memory: Memory, momentum: bool) -> None:
        def take(shape: Shape) -> FloatArray:
            return memory.take(shape, x.dtype)

        batch, inputs = x.shape
        self.rows = rows
        self.params = _pair(take, (len(rows), inputs))
        self.velocity = _pair(take, (len(rows), inputs)) if momentum else None
        self._x = x
        self._ones = np.ones(batch, x.dtype)
        self._y = take((len(rows), batch))
        self._sums = take((len(rows), 1))
        # so many rows that the product is not packed, and still in the cache when the weight is changed
        piece = max(ROWS, UNPACKED // (inputs * batch) // ROWS * ROWS)
        self._pieces = [slice(start, start + piece) for start in range(0, len(rows), piece)]
        self._grad = take((min(piece, len(rows)), inputs))

    def forward(self, activate: Forward, y: FloatArray) -> None:
        """Write ``activate(weight @ x.T + bias)`` to the neurons' rows of `y` (squares, side, batch)."""
        np.matmul(self.params.weight, self._x.T, out=self._y)
        np.add(self._y, self.params.bias, out=self._y)
        activate(self._y)
        y.reshape(-1, y.shape[2])[self.rows] = self._y

    def backward(self, dy: FloatArray, carry: float) -> None:
        """Take a step."""
        weight, bias = self.params
        steady, steady_bias = self.velocity or (None, None)
        np.take(dy.reshape(-1, dy.shape[2]), self.rows, axis=0, out=self._y)
        np.matmul(self._y, self._ones, out=self._sums[:, 0])
        _take_step(bias, self._sums, steady_bias, carry)
        for piece in self._pieces:
            part = self._y[piece]
            grad = self._grad[: len(part)]
            np.matmul(part, self._x, out=grad)
            _take_step(weight[piece], grad, None if steady is None else steady[piece], carry)


def _take_step(value: FloatArray, grad: FloatArray, velocity: FloatArray | None, carry: float) -> None:
    if velocity is not None:
        np.multiply(velocity, value.dtype.type(carry), out=velocity)
        grad = np.add(velocity, grad, out=velocity)
    np.subtract(value, grad, out=value)


def largest(array: NDArray[Any]) -> float:
    """Return an upper bound of the magnitudes in `array`; not finite if a number is not."""
    flat = array.reshape(-1)
    return math.sqrt(float(np.dot(flat, flat)))

"""One layer of many networks: its arrays, and one product for all of them in each pass.

Activations are (squares, side, batch), the batch last. A weight (squares, side, side) has the networks of a
square as blocks on its diagonal. The gradient is masked, so what lies outside of the blocks stays zero.

The gradients that arrive here are multiplied by the learning rates already, each network's by its own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.nn.activations import Forward
from engine.nn.memory import Memory
from engine.nn.param import FloatArray

__all__ = ["FirstLayer", "SquareLayer", "largest"]

PIECE = 300_000  # bytes of the first layer that are updated at a time: the product stays in the cache


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

    Attributes
    ----------
    weight : ndarray of floats, shape (squares, rows, columns)
    bias : ndarray of floats, shape (squares, rows, 1)
    """

    def __init__(self, mask: FloatArray, work: FloatArray, memory: Memory, batch: int) -> None:
        squares, rows, _ = mask.shape
        self.weight: FloatArray = memory.take(mask.shape, mask.dtype)
        self.bias: FloatArray = memory.take((squares, rows, 1), mask.dtype)
        self._mask = mask
        self._ones = np.ones(batch, mask.dtype)
        self._grad = work[: mask.size].reshape(mask.shape)
        self._sums: FloatArray = memory.take((squares * rows,), mask.dtype)
        self._transposed = self.weight.swapaxes(1, 2)

    def forward(self, x: FloatArray, y: FloatArray) -> None:
        """Write ``weight @ x + bias`` to `y`."""
        np.matmul(self.weight, x, out=y)
        np.add(y, self.bias, out=y)

    def backward(self, x: FloatArray, dy: FloatArray, dx: FloatArray) -> None:
        """Write the gradient of the input to `dx`, and take a step."""
        np.matmul(self._transposed, dy, out=dx)
        np.matmul(dy, x.swapaxes(1, 2), out=self._grad)
        np.multiply(self._grad, self._mask, out=self._grad)
        np.subtract(self.weight, self._grad, out=self.weight)
        np.matmul(dy.reshape(-1, len(self._ones)), self._ones, out=self._sums)
        np.subtract(self.bias, self._sums.reshape(self.bias.shape), out=self.bias)


class FirstLayer:
    """The first layers of all networks: one product over exactly the neurons that there are.

    Parameters
    ----------
    rows : ndarray of intp, shape (neurons,)
        Where each neuron's row is among the rows of all squares, ascending.
    inputs, batch : int
    memory : Memory
    dtype : dtype

    Attributes
    ----------
    weight : ndarray of floats, shape (neurons, inputs)
    bias : ndarray of floats, shape (neurons, 1)
    """

    def __init__(
        self, rows: NDArray[np.intp], inputs: int, batch: int, memory: Memory, dtype: np.dtype
    ) -> None:
        self.weight: FloatArray = memory.take((len(rows), inputs), dtype)
        self.bias: FloatArray = memory.take((len(rows), 1), dtype)
        self.rows = rows
        self._ones = np.ones(batch, dtype)
        self._y: FloatArray = memory.take((len(rows), batch), dtype)
        self._sums: FloatArray = memory.take((len(rows),), dtype)
        piece = max(1, PIECE // (inputs * dtype.itemsize))
        self._pieces = [slice(start, start + piece) for start in range(0, len(rows), piece)]
        self._grad: FloatArray = memory.take((min(piece, len(rows)), inputs), dtype)

    def forward(self, x: FloatArray, activate: Forward, y: FloatArray) -> None:
        """Write ``activate(weight @ x.T + bias)`` to rows of `y`; rows without a neuron stay as they are.

        Parameters
        ----------
        x : ndarray of floats, shape (batch, inputs)
        activate : Forward
        y : ndarray of floats, shape (squares, side, batch)
        """
        np.matmul(self.weight, x.T, out=self._y)
        np.add(self._y, self.bias, out=self._y)
        activate(self._y)
        y.reshape(-1, y.shape[2])[self.rows] = self._y

    def backward(self, x: FloatArray, dy: FloatArray) -> None:
        """Take a step."""
        rows = dy.reshape(-1, dy.shape[2])
        np.take(rows, self.rows, axis=0, out=self._y)
        np.matmul(self._y, self._ones, out=self._sums)
        np.subtract(self.bias, self._sums[:, None], out=self.bias)
        for piece in self._pieces:
            part, weight = self._y[piece], self.weight[piece]
            grad = self._grad[: len(part)]
            np.matmul(part, x, out=grad)
            np.subtract(weight, grad, out=weight)


def largest(array: FloatArray) -> float:
    """Return an upper bound of the magnitudes in `array`; not finite if a number is not."""
    flat = array.reshape(-1)
    return math.sqrt(float(np.dot(flat, flat)))

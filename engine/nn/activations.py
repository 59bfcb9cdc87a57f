"""Activation functions: everything that differs between one and another, each written down once.

Every activation's derivative is written in terms of its *output*, so all of them work in place and no
copy of the input is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import HIGH, LOW, Affine, Int8s
from engine.int8.ranges import Range
from engine.knobs import knob
from engine.nn.param import FloatArray, Init, normal

__all__ = ["ACTIVATIONS", "LINEAR", "PROBABILITY", "ActivationFunction", "activation_knob"]


Mask = NDArray[np.bool_]


LEAK = 0.01  # of leaky relu, as in PyTorch and Keras


class Forward(Protocol):
    """Replace `x` by f(x). NumPy compares with an array, `zero`, three times as fast as with a number."""

    def __call__(self, x: FloatArray, zero: FloatArray | float = 0) -> None: ...


class Backward(Protocol):
    """Replace `dy` by dy · f'(x), given y = f(x); `mask` takes the result of a comparison."""

    def __call__(self, y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None: ...


@dataclass(frozen=True)
class ActivationFunction:
    """One function with all that differs between functions.

    Attributes
    ----------
    name : str
    forward : callable
        ``forward(x)`` replaces the array x by f(x); faster with an array of zeros that broadcasts to x.
    backward : callable
        ``backward(y, dy)`` replaces dy by dy · f'(x), given y = f(x); faster with a boolean array like y.
    monotone : bool
        Whether f never decreases and acts on each number alone, so that it commutes with a maximum.
    probabilities : bool
        Whether outputs are already scores in [0, 1].
    gain : float
        Variance gain of the initializer: weights start with variance gain / fan-in
        (He et al. 2015 for rectifiers; LeCun et al. 1998 otherwise).
    pointwise : bool
        Whether each output depends on one input only: in C a pointwise function, otherwise a kernel.
    title : str
        For forms; the capitalized name where it is empty.
    codomain : tuple of float
        The numbers that come out.
    clamps : bool
        Whether f leaves numbers inside its codomain as they are and sets others to its ends.
    held : Affine or None
        How int8 holds the output, as TensorFlow Lite does; None when that follows from the numbers seen.
    """

    name: str
    forward: Forward
    backward: Backward
    monotone: bool = True
    probabilities: bool = False
    gain: float = 1.0
    pointwise: bool = True
    title: str = ""
    codomain: tuple[float, float] = (-math.inf, math.inf)
    clamps: bool = False
    held: Affine | None = None

    def target(self, output: Range) -> Affine:
        """Return how int8 holds outputs that range over `output`."""
        return self.held if self.held is not None else output.within(*self.codomain).affine

    def table(self, source: Affine, target: Affine) -> Int8s:
        """Return this function of each int8: entry ``q + 128``, a `target`, is that of the `source` q."""
        x = source.scale * (np.arange(LOW, HIGH + 1, dtype=np.float64) - source.zero_point)
        self.forward(x)
        return target.quantize(x)

    def init(self, fan_in: int) -> Init:
        """Return the initializer of a weight with `fan_in` inputs before this function."""
        return normal((self.gain / fan_in) ** 0.5)


def _keep(x: FloatArray, zero: FloatArray | float = 0) -> None:
    pass


def _keep_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    pass


def _relu(x: FloatArray, zero: FloatArray | float = 0) -> None:
    np.maximum(x, zero, out=x)


def _relu_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    np.multiply(dy, np.greater(y, 0, out=mask), out=dy)


def _leaky_relu(x: FloatArray, zero: FloatArray | float = 0) -> None:
    np.maximum(x, x * x.dtype.type(LEAK), out=x)


def _leaky_relu_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    np.multiply(dy, dy.dtype.type(LEAK), out=dy, where=np.less(y, 0, out=mask))


def _relu6(x: FloatArray, zero: FloatArray | float = 0) -> None:
    np.maximum(x, zero, out=x)
    np.minimum(x, 6, out=x)


def _relu6_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    np.multiply(dy, np.greater(y, 0, out=mask), out=dy)
    np.multiply(dy, np.less(y, 6, out=mask), out=dy)


def _sigmoid(x: FloatArray, zero: FloatArray | float = 0) -> None:
    # 1 / (1 + exp(-x)) as a tanh: never overflows
    x *= x.dtype.type(0.5)
    np.tanh(x, out=x)
    x += x.dtype.type(1)
    x *= x.dtype.type(0.5)


def _sigmoid_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    dy *= y
    dy *= 1 - y


def _tanh(x: FloatArray, zero: FloatArray | float = 0) -> None:
    np.tanh(x, out=x)


def _tanh_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    dy *= 1 - y * y


def _channel_axis(x: FloatArray) -> int:
    return x.ndim - 3 if x.ndim == 4 else 0


def _softmax(x: FloatArray, zero: FloatArray | float = 0) -> None:
    axis = _channel_axis(x)
    x -= x.max(axis, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis, keepdims=True)


def _softmax_gradient(y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None:
    dy -= (dy * y).sum(_channel_axis(y), keepdims=True)
    dy *= y


LINEAR = ActivationFunction("linear", _keep, _keep_gradient, clamps=True)


POSITIVE = (0.0, math.inf)


UNIT = (0.0, 1.0)


PROBABILITY = Affine(1 / 256, -128)


ACTIVATIONS: Mapping[str, ActivationFunction] = {
    function.name: function
    for function in (
        LINEAR,
        ActivationFunction(
            "relu", _relu, _relu_gradient, gain=2.0, title="ReLU", codomain=POSITIVE, clamps=True
        ),
        ActivationFunction("leaky_relu", _leaky_relu, _leaky_relu_gradient, gain=2.0, title="Leaky ReLU"),
        ActivationFunction(
            "relu6", _relu6, _relu6_gradient, gain=2.0, title="ReLU6", codomain=(0.0, 6.0), clamps=True
        ),
        ActivationFunction(
            "sigmoid", _sigmoid, _sigmoid_gradient, probabilities=True, codomain=UNIT, held=PROBABILITY
        ),
        ActivationFunction("tanh", _tanh, _tanh_gradient, codomain=(-1.0, 1.0), held=Affine(1 / 128, 0)),
        ActivationFunction(
            "softmax",
            _softmax,
            _softmax_gradient,
            monotone=False,
            probabilities=True,
            pointwise=False,
            codomain=UNIT,
            held=PROBABILITY,
        ),
    )
}
"""Every activation function by name."""


def activation_knob(default: str = LINEAR.name) -> Any:
    """Declare a field that names an activation function."""
    titles = {name: function.title or name.capitalize() for name, function in ACTIVATIONS.items()}
    return knob(default, "Activation", "function applied to every output", choices=titles)

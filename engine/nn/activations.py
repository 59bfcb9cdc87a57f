"""Activation functions: everything that the program knows of one function stands in its entry here.

Each derivative is computed from the *output* of the function. So every function works in place, and no copy
of its input is kept.
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


LEAK = 0.01  # slope of leaky ReLU below 0, as in PyTorch


class Forward(Protocol):
    """Replace `x` by f(x).

    `zero` may be an array of zeros that broadcasts to `x`: NumPy compares with an array three times as fast
    as with a number.
    """

    def __call__(self, x: FloatArray, zero: FloatArray | float = 0) -> None: ...


class Backward(Protocol):
    """Replace `dy` by dy · f'(x), given y = f(x); `mask` is memory for the result of a comparison."""

    def __call__(self, y: FloatArray, dy: FloatArray, mask: Mask | None = None) -> None: ...


@dataclass(frozen=True)
class ActivationFunction:
    """One activation function.

    Attributes
    ----------
    name : str
    forward : callable
        ``forward(x)`` replaces the array x by f(x); see `Forward`.
    backward : callable
        ``backward(y, dy)`` replaces dy by dy · f'(x), given y = f(x); see `Backward`.
    monotone : bool
        Whether f is pointwise and never decreases. Then it commutes with taking a maximum.
    probabilities : bool
        Whether outputs are already scores in [0, 1].
    gain : float
        Variance gain of the initializer: weights start with variance gain / fan-in
        (He et al. 2015 for rectifiers; LeCun et al. 1998 otherwise).
    pointwise : bool
        Whether each output depends on one input only. In C such a function is called by other kernels;
        any other function has a kernel of its own.
    title : str
        Shown in forms; the capitalized name if this is empty.
    codomain : tuple of float
        Limits of the output: smallest and largest value.
    clamps : bool
        Whether f keeps numbers inside its codomain and moves others to the nearest limit.
    int8_output : Affine or None
        Scale and zero point of the output in int8, if they are fixed, as in TensorFlow Lite; None if they
        follow from the calibration range.
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
    int8_output: Affine | None = None

    def target(self, output: Range) -> Affine:
        """Return the scale and zero point of int8 outputs whose calibration range is `output`."""
        return self.int8_output if self.int8_output is not None else output.within(*self.codomain).affine

    def table(self, source: Affine, target: Affine) -> Int8s:
        """Return this function as a table for int8.

        Parameters
        ----------
        source, target : Affine
            Scale and zero point of the input and of the output.

        Returns
        -------
        ndarray of int8, shape (256,)
            Entry ``q + 128`` is the output for the input q.
        """
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
            "sigmoid", _sigmoid, _sigmoid_gradient, probabilities=True, codomain=UNIT, int8_output=PROBABILITY
        ),
        ActivationFunction(
            "tanh", _tanh, _tanh_gradient, codomain=(-1.0, 1.0), int8_output=Affine(1 / 128, 0)
        ),
        ActivationFunction(
            "softmax",
            _softmax,
            _softmax_gradient,
            monotone=False,
            probabilities=True,
            pointwise=False,
            codomain=UNIT,
            int8_output=PROBABILITY,
        ),
    )
}
"""Every activation function by name."""


def activation_knob(default: str = LINEAR.name) -> Any:
    """Declare a dataclass field whose value is the name of an activation function."""
    titles = {name: function.title or name.capitalize() for name, function in ACTIVATIONS.items()}
    return knob(default, "Activation", "function applied to every output", choices=titles)

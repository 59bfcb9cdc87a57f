"""How TensorFlow Lite Micro turns scales into integers: multipliers, limits and tables.

Each function follows the C++ of the interpreter's ``Prepare`` functions, with its types: where a product or
quotient of scales is rounded to 32 bits, it is here, so that no bit differs.

Source: tensorflow/tflite-micro (Apache License 2.0), ``micro/kernels/*_common.cc``,
``kernels/kernel_util.cc`` and ``kernels/internal/quantization_util.cc``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.int8 import fixed_point
from engine.int8.arithmetic import HIGH, LOW, MAX_SHIFT, Affine, divide_by_power, high_multiply

__all__ = [
    "Multiplier",
    "activation_limits",
    "exponentials",
    "leaky_relu_table",
    "logistic_table",
    "mean_multiplier",
    "relu6_table",
    "relu_table",
    "single_multiplier",
    "sum_multipliers",
    "tanh_table",
]

Multiplier = tuple[int, int]
"""A Q31 number and how many bits to shift to the right; negative: to the left."""
INPUT_BITS = 4  # before the point, of the inputs of tanh and the logistic function
SOFTMAX_BITS = 5  # the same of softmax
QS = np.arange(LOW, HIGH + 1, dtype=np.int64)


def quantize_multiplier(real: float) -> Multiplier:
    """Return the Q31 number and the shift for a positive `real`."""
    mantissa, exponent = math.frexp(real)
    number = math.floor(mantissa * (1 << 31) + 0.5)
    if number == 1 << 31:
        number, exponent = number // 2, exponent + 1
    return (0, 0) if exponent < -MAX_SHIFT else (number, -exponent)


def multiplied(x: NDArray[Any], multiplier: Multiplier) -> NDArray[np.int64]:
    """Return `x` times a multiplier, rounded twice."""
    number, shift = multiplier
    shifted = (x.astype(np.int64) << max(-shift, 0)).astype(np.int32)
    high = high_multiply(shifted, np.array(number))
    return divide_by_power(high, np.array(max(shift, 0))).astype(np.int64)


def sum_multipliers(source: Affine, scales: Sequence[float], target: Affine) -> list[Multiplier]:
    """Return the multipliers of a convolution, or of a dense layer with a scale for each output."""
    return [quantize_multiplier(source.scale * scale / target.scale) for scale in scales]


def single_multiplier(source: Affine, scale: float, target: Affine) -> Multiplier:
    """Return the multiplier of a dense layer with one scale for all outputs: the product has 32 bits."""
    product = float(np.float32(source.scale) * np.float32(scale))
    return quantize_multiplier(product / target.scale)


def mean_multiplier(source: Affine, target: Affine, count: int) -> Multiplier:
    """Return the multiplier of the mean of `count` numbers."""
    number, shift = quantize_multiplier(source.scale / target.scale)
    bits = min(count.bit_length() - 1, 32, MAX_SHIFT - shift)
    return (number << bits) // count, shift + bits


def activation_limits(name: str, target: Affine) -> tuple[int, int] | None:
    """Return the limits for an activation that an operator applies to its output; None for one not known."""
    zero, six = target.zero_point, _steps(6.0, target)
    limits = {"NONE": (LOW, HIGH), "RELU": (max(LOW, zero), HIGH), "RELU6": (max(LOW, zero), min(HIGH, six))}
    return limits.get(name)


def relu_table(source: Affine, target: Affine) -> tuple[int, ...]:
    """Return the table of a rectifier that is an operator of its own."""
    moved = multiplied(QS - source.zero_point, _ratio(source, target)) + target.zero_point
    return _table(np.maximum(moved, target.zero_point))


def relu6_table(source: Affine, target: Affine) -> tuple[int, ...]:
    """Return the table of a rectifier with a limit: it takes the input's scale to be the output's."""
    return _table(np.clip(QS, source.zero_point, max(source.zero_point, _steps(6.0, source))))


def leaky_relu_table(source: Affine, target: Affine, slope: float) -> tuple[int, ...]:
    """Return the table of a leaky rectifier."""
    single = np.float32(source.scale) * np.float32(slope) / np.float32(target.scale)
    below = multiplied(QS - source.zero_point, quantize_multiplier(float(single)))
    above = multiplied(QS - source.zero_point, _ratio(source, target))
    return _table(np.where(source.zero_point <= QS, above, below) + target.zero_point)


def logistic_table(source: Affine) -> tuple[int, ...]:
    """Return the table of the logistic function, whose outputs are held as ``1/256 · (q + 128)``."""
    return _curve(source, lambda x: divide_by_power(fixed_point.logistic(x, INPUT_BITS), np.array(23)) + LOW)


def tanh_table(source: Affine) -> tuple[int, ...]:
    """Return the table of the hyperbolic tangent, whose outputs are held as ``q / 128``."""
    return _curve(source, lambda x: divide_by_power(fixed_point.tanh(x, INPUT_BITS), np.array(24)))


def exponentials(source: Affine) -> tuple[int, ...]:
    """Return the Q31 exponentials of softmax for numbers 0 … 255 below the largest one."""
    real = min(source.scale * (1 << (31 - SOFTMAX_BITS)), (1 << 31) - 1.0)
    multiplier = quantize_multiplier(real)
    count = np.arange(256)
    inside = count <= _radius(SOFTMAX_BITS, -multiplier[1])
    steps = multiplied(np.where(inside, -count, 0), multiplier)
    values = np.where(inside, fixed_point.exp_of_negative(steps, SOFTMAX_BITS), 0)
    return tuple(int(value) for value in values)


def _curve(source: Affine, function: Callable[[NDArray[Any]], NDArray[Any]]) -> tuple[int, ...]:
    """Return the table of a function with limits -128 and 127 far from 0."""
    multiplier = quantize_multiplier(source.scale * (1 << (31 - INPUT_BITS)))
    centred = QS - source.zero_point
    inside = np.abs(centred) < _radius(INPUT_BITS, -multiplier[1])
    values = function(multiplied(np.where(inside, centred, 0), multiplier))
    return _table(np.where(inside, values, np.where(centred < 0, LOW, HIGH)))


def _radius(bits: int, left: int) -> int:
    """Return how far from 0 an input may be so that, shifted by `left`, it fits into 31 bits."""
    return math.floor(((1 << bits) - 1) * 2.0 ** (31 - bits) / 2.0**left)


def _ratio(source: Affine, target: Affine) -> Multiplier:
    return quantize_multiplier(float(np.float32(source.scale) / np.float32(target.scale)))


def _steps(real: float, affine: Affine) -> int:
    quotient = float(np.float32(real) / np.float32(affine.scale))
    return affine.zero_point + math.floor(quotient + 0.5)


def _table(values: NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in np.clip(values, LOW, HIGH))

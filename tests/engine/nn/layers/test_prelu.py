"""An int8 PReLU is what its documentation says, number by number, and near the real one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from engine.int8.arithmetic import Affine
from engine.int8.ranges import LayerRanges, Range
from engine.nn.layers.prelu import IntegerPReLU, PReLU, PReLUCall

SLOPES = np.array([0.25, 0.0, -0.5, 1.0, 3.0, 1e-12], np.float32)
SOURCES = [Affine(0.02, -128), Affine(0.1, 5), Affine(0.003, 127)]
EVERY = np.arange(-128, 128).astype(np.int8)


def call(source: Affine, slopes: np.ndarray = SLOPES) -> IntegerPReLU:
    """Return the call for outputs that range over what the inputs can give."""
    ends = source.scale * (np.array([-128, 127]) - source.zero_point)
    (bent,) = PReLU().c_calls((len(slopes),), {"slope": slopes})
    assert isinstance(bent, PReLUCall)
    output = Range.around(*(float(f(_real(ends[:, None], slopes))) for f in (np.min, np.max)))
    return bent.integer(source, LayerRanges(output))


def _real(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, x * slopes.astype(np.float64))


def rounded(x: Fraction) -> int:
    """Return the nearest whole number, halves away from zero."""
    whole = math.floor(abs(x) + Fraction(1, 2))
    return whole if x >= 0 else -whole


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_each_number_is_a_weight_requantized(source: Affine) -> None:
    integer = call(source)
    x = np.repeat(EVERY[:, None], len(SLOPES), axis=1)
    y = integer.run(x)
    for (i, channel), q in np.ndenumerate(x):
        centred = int(q) - source.zero_point
        side = 0 if centred >= 0 else 1
        weight, multiplier, shift = (
            int(values[side, channel]) for values in (integer.weight, integer.multiplier, integer.shift)
        )
        high = (centred * weight * multiplier + (1 << 30)) >> 31
        expected = rounded(Fraction(high, 1 << shift)) + integer.target.zero_point
        assert y[i, channel] == min(max(expected, -128), 127)


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_it_is_the_real_one_to_a_step(source: Affine) -> None:
    integer = call(source)
    x = np.repeat(EVERY[:, None], len(SLOPES), axis=1)
    exact = _real(source.dequantize(x).astype(np.float64), SLOPES)
    got = integer.target.dequantize(integer.run(x))
    assert np.abs(got - exact).max() <= 1.01 * integer.target.scale


def test_a_positive_side_has_the_largest_weight_and_the_other_the_slope_s_sign() -> None:
    weight = call(SOURCES[1]).weight
    assert (weight[0] == 127).all()
    np.testing.assert_array_equal(np.sign(weight[1]), np.sign(SLOPES))

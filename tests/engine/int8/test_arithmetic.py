"""The arithmetic of int8, against exact fractions and cases worked out by hand for TensorFlow Lite Micro."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.int8.arithmetic import (
    MAX_SHIFT,
    Affine,
    Requantization,
    divide_by_power,
    high_multiply,
    quantize_multiplier,
    round_half_away,
)

INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
SUMS = st.integers(-(1 << 30), 1 << 30)
MULTIPLIERS = st.integers(1 << 30, (1 << 31) - 1)
REALS = st.floats(1e-12, 0.4999, allow_subnormal=False)
SCALES = st.floats(1e-6, 1e6)


def array(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def nearest(value: Fraction, half_up: bool) -> int:
    """Round, halves up or away from zero."""
    if half_up or value >= 0:
        return math.floor(value + Fraction(1, 2))
    return math.ceil(value - Fraction(1, 2))


@given(SUMS, MULTIPLIERS)
def test_the_high_half_of_a_product_is_rounded_with_halves_up(x: int, multiplier: int) -> None:
    exact = nearest(Fraction(x * multiplier, 1 << 31), half_up=True)
    assert high_multiply(array(x), array(multiplier)).tolist() == [exact]


@given(INT32, st.integers(1, MAX_SHIFT))
def test_a_shift_is_rounded_with_halves_away_from_zero(x: int, shift: int) -> None:
    exact = nearest(Fraction(x, 1 << shift), half_up=False)
    assert divide_by_power(array(x), array(shift)).tolist() == [exact]


@pytest.mark.parametrize(
    ("x", "shift", "result"),
    # gemmlowp's RoundingDivideByPOT: with a remainder above the threshold, which is one larger below zero.
    [(5, 1, 3), (-5, 1, -3), (4, 3, 1), (-4, 3, -1), (3, 3, 0), (-3, 3, 0), (12, 3, 2), (-12, 3, -2)],
)
def test_shifts_by_hand(x: int, shift: int, result: int) -> None:
    assert divide_by_power(array(x), array(shift)).tolist() == [result]


@pytest.mark.parametrize(
    ("x", "multiplier", "result"),
    # gemmlowp's SaturatingRoundingDoublingHighMul: nudged by 2^30 (1 - 2^30 below 0), then cut towards 0.
    [
        (1, 1 << 30, 1),
        (-1, 1 << 30, 0),
        (3, 1 << 30, 2),
        (-3, 1 << 30, -1),
        (-5, 1 << 30, -2),
        (7, 1 << 30, 4),
    ],
)
def test_products_by_hand(x: int, multiplier: int, result: int) -> None:
    assert high_multiply(array(x), array(multiplier)).tolist() == [result]


def test_double_rounding_is_part_of_the_contract() -> None:
    """3 · 0.1499… is 0.4497… of a step, but rounded twice it becomes one: 0.8995 → 1, then 1 / 2 → 1."""
    multiplier, shift = quantize_multiplier(0.1499)
    assert shift == 2
    twice = divide_by_power(high_multiply(array(3), array(multiplier)), array(shift))
    assert nearest(Fraction(3 * multiplier, 1 << 33), half_up=False) == 0
    assert twice.tolist() == [1]


@given(REALS)
def test_a_multiplier_and_its_shift_stand_for_the_real_number(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    assert 1 <= shift <= MAX_SHIFT
    if multiplier:
        assert 1 << 30 <= multiplier < 1 << 31
        assert Fraction(multiplier, 1 << (31 + shift)) == pytest.approx(real, rel=2**-30)
    else:
        assert real < 2**-MAX_SHIFT


def test_multipliers_at_the_ends() -> None:
    assert quantize_multiplier(0.0) == (0, MAX_SHIFT)
    assert quantize_multiplier(0.25) == (1 << 30, 1)
    assert quantize_multiplier(math.nextafter(0.5, 0)) == ((1 << 31) - 1, 1)
    assert quantize_multiplier(2.0**-32) == (1 << 30, 31)
    assert quantize_multiplier(2.0**-33) == (0, MAX_SHIFT)
    with pytest.raises(AssertionError):
        quantize_multiplier(0.5)


@given(st.integers(-(10**6), 10**6), REALS)
def test_requantizing_is_within_a_step_of_the_exact_product(x: int, real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    wide = Requantization(array(multiplier), array(shift), 0)
    exact = min(max(nearest(Fraction(x) * Fraction(real), half_up=False), -128), 127)
    assert abs(int(wide(array(x))[0]) - exact) <= 1


def test_requantizing_clamps_or_looks_up_in_that_order() -> None:
    half = quantize_multiplier(0.25)
    parts = (array(half[0]), array(half[1]))
    assert Requantization(*parts, 3)(array(8)).tolist() == [5]
    assert Requantization(*parts, 0, low=-1, high=1)(array(40)).tolist() == [1]
    assert Requantization(*parts, 100)(array(4000)).tolist() == [127]
    table = np.arange(256)[::-1].astype(np.uint8).view(np.int8)
    assert Requantization(*parts, 0, table=table)(array(-4000)).tolist() == [table[0]]


def test_halves_are_rounded_away_from_zero() -> None:
    assert round_half_away(np.array([0.5, 1.5, -0.5, -1.5, 0.49])).tolist() == [1, 2, -1, -2, 0]


@given(st.floats(-1e6, 0), st.floats(0, 1e6))
def test_an_affine_holds_0_exactly_and_its_ends_within_a_step(low: float, high: float) -> None:
    affine = Affine.of(low, high)
    assert affine.scale > 0
    assert -128 <= affine.zero_point <= 127
    assert affine.dequantize(affine.quantize(np.zeros(1))).tolist() == [0.0]
    ends = affine.dequantize(affine.quantize(np.array([low, high])))
    np.testing.assert_allclose(ends, [low, high], atol=affine.scale, rtol=1e-5)


@given(SCALES, st.integers(-128, 127), st.integers(-128, 127))
def test_what_is_held_comes_back(scale: float, zero_point: int, q: int) -> None:
    affine = Affine(scale, zero_point)
    held = np.array([q], np.int8)
    assert affine.quantize(affine.dequantize(held)).tolist() == [q]


def test_a_range_is_widened_to_hold_0() -> None:
    assert Affine.of(2.0, 4.0) == Affine.of(0.0, 4.0)
    assert Affine.of(-4.0, -2.0) == Affine.of(-4.0, 0.0)
    assert Affine.of(0.0, 255.0) == Affine(1.0, -128)
    assert Affine.of(-255.0, 0.0) == Affine(1.0, 127)


def test_an_empty_range_is_held_like_an_image() -> None:
    assert Affine.of(0.0, 0.0) == Affine(1 / 255, -128)
    assert Affine.of(0.0, 1e-40) == Affine(1 / 255, -128)


def test_clamping_to_infinity_is_clamping_to_int8() -> None:
    assert Affine(0.5, 10).clamp(-math.inf, math.inf) == (-128, 127)
    assert Affine(0.5, 10).clamp(0.0, 6.0) == (10, 22)


def test_coarser_never_gets_finer() -> None:
    assert Affine(0.5, 3).coarser(0.25) == Affine(0.5, 3)
    assert Affine(0.5, 3).coarser(2.0) == Affine(2.0, 3)

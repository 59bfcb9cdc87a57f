"""Integers of weighted sums: what kernels rely on holds for any numbers that a network may have."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import QuantizationError
from engine.int8.sums import LARGEST_MULTIPLIER, RealSum

LIMIT = 1 << 30


def integers(weight: np.ndarray, bias: np.ndarray, source: float, target: float, axis: int = 0):
    real = RealSum.of(weight, bias, axis, source)
    return real, real.scaled_to(max(target, real.smallest_scale))


def largest_sum(weight: np.ndarray, bias: np.ndarray) -> int:
    sums = np.abs(weight.astype(np.int64)).reshape(len(bias), -1).sum(axis=1) * 255
    return int((sums + np.abs(bias.astype(np.int64))).max())


def test_a_weight_uses_the_whole_range_of_its_channel() -> None:
    weight = np.array([[1.0, -0.5], [0.01, 0.002]])
    real, found = integers(weight, np.zeros(2), 1 / 255, 0.02)
    assert found.weight.tolist() == [[127, -64], [127, 25]]
    units = found.multiplier * 2.0**-31 * 2.0**-found.shift
    np.testing.assert_allclose(units, [1 / 127 / 255 / 0.02, 0.01 / 127 / 255 / 0.02], rtol=1e-6)
    assert real.smallest_scale == pytest.approx(1 / 127 / 255 / LARGEST_MULTIPLIER)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_channels_may_run_over_any_axis(axis: int) -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3, 2, 5, 4))
    _, found = integers(weight, np.zeros(weight.shape[axis]), 0.1, 1.0, axis)
    assert found.weight.shape == weight.shape
    others = tuple(i for i in range(4) if i != axis)
    assert (np.abs(found.weight).max(axis=others) == 127).all()


def test_dead_channels_give_their_bias() -> None:
    weight, bias = np.zeros((3, 4)), np.array([0.0, 2.0, -3.0])
    _, found = integers(weight, bias, 0.01, 0.05)
    assert not found.weight.any()
    real = found.bias * (found.multiplier * 2.0**-31 * 2.0**-found.shift) * 0.05
    np.testing.assert_allclose(real, bias, rtol=1e-5)


@pytest.mark.parametrize("features", [16_000, 40_000, 3_000_000])
def test_very_wide_layers_get_coarser_weights_rather_than_an_overflow(features: int) -> None:
    weight = np.full((1, features), 0.3)
    _, found = integers(weight, np.array([0.0]), 0.01, 0.05)
    assert largest_sum(found.weight, found.bias) < LIMIT


@pytest.mark.parametrize("bias", [1e-20, 1.0, 1e6, -1e20])
@pytest.mark.parametrize("weight", [1e-30, 1e-3, 1e10])
@pytest.mark.parametrize("source", [1e-20, 1e-2, 1e5])
def test_sums_stay_in_their_room_whatever_the_numbers(weight: float, bias: float, source: float) -> None:
    rng = np.random.default_rng(0)
    values = weight * rng.standard_normal((2, 500))
    _, found = integers(values, np.array([bias, 0.0]), source, 1e-3)
    assert largest_sum(found.weight, found.bias) <= LIMIT
    assert ((found.shift >= 1) & (found.shift <= 31)).all()
    assert (np.abs(found.weight.astype(int)) <= 127).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(QuantizationError, match="not finite"):
        RealSum.of(np.array([[value]]), np.zeros(1), 0, 0.1)
    with pytest.raises(QuantizationError, match="not finite"):
        RealSum.of(np.zeros((1, 1)), np.array([value]), 0, 0.1)

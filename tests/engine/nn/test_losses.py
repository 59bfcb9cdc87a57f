"""Losses: their gradients, and that extreme outputs give numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.nn.activations import ACTIVATIONS
from engine.nn.layers import Activation, Dense, Flatten
from engine.nn.losses import LOSSES, Loss, suitable_loss
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from tests.engine.helpers import projected_error

CLASSES, COUNT = 5, 7
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def outputs(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((CLASSES, COUNT)) * 2, rng.integers(0, CLASSES, COUNT)


@losses
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("scale", [1.0, 1 / 64])
def test_gradient(loss: Loss, scale: float, smoothing: float) -> None:
    y, labels = outputs()
    dy = np.full_like(y, np.nan)
    loss.compute(y, labels, dy, scale, smoothing)

    def value() -> float:
        return scale * loss.compute(y, labels, None, scale, smoothing)

    for seed in range(3):
        assert projected_error(value, y, dy, seed) < 1e-7


@losses
def test_outputs_are_left_as_they_were(loss: Loss) -> None:
    y, labels = outputs()
    before = y.copy()
    loss.compute(y, labels, np.empty_like(y), 1.0)
    assert np.array_equal(y, before)


@losses
def test_sum_over_parts_is_the_sum(loss: Loss) -> None:
    y, labels = outputs()
    whole = loss.compute(y, labels, None, 1.0)
    parts = loss.compute(y[:, :3], labels[:3], None, 1.0) + loss.compute(y[:, 3:], labels[3:], None, 1.0)
    assert parts == pytest.approx(whole)


@losses
def test_perfect_outputs_cost_next_to_nothing(loss: Loss) -> None:
    labels = np.arange(CLASSES)
    y = np.eye(CLASSES, dtype=np.float32) * (1 if loss.absorbs is None else 40)
    assert loss.compute(y, labels, None, 1.0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [1e4, -1e4, 1e30])
def test_cross_entropy_of_extreme_outputs_is_finite(value: float) -> None:
    y = np.zeros((3, 2), np.float32)
    y[0] = value
    dy = np.empty_like(y)
    assert math.isfinite(LOSSES["cross_entropy"].compute(y, np.array([0, 1]), dy, 0.5))
    assert np.isfinite(dy).all()


def test_known_values() -> None:
    y = np.zeros((4, 2), np.float32)
    labels = np.array([0, 3])
    assert LOSSES["cross_entropy"].compute(y, labels, None, 1.0) == pytest.approx(2 * math.log(4))
    assert LOSSES["mse"].compute(y, labels, None, 1.0) == pytest.approx(2 / 4)


SUITABLE = dict.fromkeys(ACTIVATIONS, "cross_entropy") | {"sigmoid": "mse"}


def ending_in(activation: str) -> ModelSpec:
    return ModelSpec((Flatten(), Dense(4, activation)), (3, 3, 1))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_loss_that_suits_an_output(activation: str) -> None:
    assert suitable_loss(ending_in(activation)).name == SUITABLE[activation]
    alone = ModelSpec((Flatten(), Dense(4), Activation(activation)), (3, 3, 1))
    assert suitable_loss(alone).name == SUITABLE[activation]


@pytest.mark.parametrize("name", PRESETS)
def test_the_loss_that_suits_a_preset(name: str) -> None:
    assert PRESETS[name].loss == ("mse" if name in {"lenet-tinyml", "genann-2x19"} else "cross_entropy")


@losses
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_loss_of_the_last_training_goes_first(loss: Loss, activation: str) -> None:
    assert suitable_loss(ending_in(activation), trained_with=loss.name) is loss


@pytest.mark.parametrize("name", ["", "hinge"])
def test_a_name_that_is_no_loss_says_nothing(name: str) -> None:
    assert suitable_loss(ending_in("sigmoid"), trained_with=name) is LOSSES["mse"]

"""The parts of a run, each on its own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.training.config import TrainConfig
from engine.training.events import Reason
from engine.training.parts import (
    AveragedParameters,
    EarlyStopping,
    EpochOrder,
    GradientStep,
    LastGood,
    RunningStatistics,
)


def vector(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def made_step(gradient: np.ndarray, **changes: float) -> tuple[np.ndarray, GradientStep]:
    params = np.zeros_like(gradient)
    config = TrainConfig(**{"momentum": 0.0, **changes})  # type: ignore[arg-type]
    return params, GradientStep(params, gradient, slice(0, 0), config)


def test_accumulated_gradients_step_by_their_mean() -> None:
    gradient = vector(2, 4)
    params, step = made_step(gradient, accumulate=2)
    assert not step.take(0, 1.0)
    assert not params.any()
    gradient[...] = vector(4, 0)
    assert step.take(1, 1.0)
    assert step.steps == 1
    np.testing.assert_array_equal(params, vector(-3, -2))
    np.testing.assert_array_equal(step.vectors["pending"], vector(0, 0))


@pytest.mark.parametrize(("clip_norm", "length"), [(0.0, 5.0), (1.0, 1.0), (9.0, 5.0)])
def test_a_long_gradient_is_clipped(clip_norm: float, length: float) -> None:
    params, step = made_step(vector(3, 4), clip_norm=clip_norm)
    assert step.take(0, 1.0)
    assert float(np.linalg.norm(params)) == pytest.approx(length)


def test_statistics_move_a_tenth_of_the_way() -> None:
    state, observed = vector(1, 2), vector(2, 0)
    RunningStatistics(state, observed).update()
    np.testing.assert_allclose(state, vector(1.1, 1.8), rtol=1e-6)


def test_without_averaging_the_trained_parameters_are_shown() -> None:
    params = vector(1, 2)
    assert AveragedParameters(params, 0.0).shown is params
    average = AveragedParameters(params, 0.5)
    params += 1
    average.blend(1)  # the first step is remembered to one tenth
    np.testing.assert_allclose(average.shown, vector(1.9, 2.9), rtol=1e-6)


def test_the_best_parameters_after_an_epoch_can_be_brought_back_and_those_of_the_start() -> None:
    shown = vector(1)
    good = LastGood(shown)
    for epoch, loss in enumerate((0.5, 0.2, 0.9, math.nan), start=1):
        shown[...] = 10 * epoch
        good.judge(epoch, loss)
    assert good.epoch == 2
    good.bring_back(good.epoch)
    assert shown[0] == 20
    good.bring_back(0)
    assert shown[0] == 1


def test_early_stopping_brings_the_best_back() -> None:
    shown = vector(1)
    early = EarlyStopping(2, shown)
    assert early.judge(0.5, last=False) is None
    shown[...] = 2
    assert early.judge(0.6, last=False) is None
    assert early.judge(0.7, last=False) is Reason.EARLY
    assert shown[0] == 1
    assert early.numbers == {"best": 0.5, "since": 2}


@pytest.mark.parametrize(("patience", "loss"), [(0, 0.5), (2, math.nan)])
def test_nothing_is_judged_without_patience_or_a_loss(patience: int, loss: float) -> None:
    early = EarlyStopping(patience, vector(1))
    assert early.judge(loss, last=True) is None
    assert early.numbers == {"best": math.inf, "since": 0}


def test_an_interrupted_epoch_has_its_order_again() -> None:
    order = EpochOrder(np.arange(20), np.random.default_rng(3))
    first = order.shuffled()
    other = np.random.default_rng(4)
    other.bit_generator.state = order.generators[0]
    np.testing.assert_array_equal(np.arange(20)[other.permutation(20)], first)

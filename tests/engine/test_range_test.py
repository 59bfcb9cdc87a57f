"""The learning rate range test finds a rate that works, and leaves the model alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.config import TrainConfig
from engine.events import EpochDone
from engine.layers import Dense, Flatten
from engine.model import Model
from engine.optimizers import OPTIMIZERS
from engine.range_test import RatePoint, range_test, suggest_rate
from engine.specs import ModelSpec
from engine.train import Trainer
from tests.engine.helpers import blobs

DATA = blobs(120)
MODEL = Model.new(
    ModelSpec((Flatten(), Dense(8, "relu"), Dense(3)), (8, 8, 1)), DATA.classes, np.random.default_rng(1)
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_suggested_rate_learns(optimizer: str) -> None:
    config = TrainConfig(epochs=5, batch_size=16, threads=1, optimizer=optimizer, validation=0.2)
    points = list(range_test(MODEL, DATA, config))
    rates = [point.rate for point in points]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(1e-5, rel=0.2)
    config = replace(config, learning_rate=suggest_rate(points))
    last = [e for e in Trainer(MODEL, DATA, config).run() if isinstance(e, EpochDone)][-1]
    assert last.validation_accuracy > 0.9


def test_an_exploding_loss_ends_the_test() -> None:
    config = TrainConfig(
        batch_size=16, threads=1, optimizer="sgd", momentum=0.999, loss="mse", validation=0.0
    )
    points = list(range_test(MODEL, DATA, config, steps=400))
    assert points[-1].rate < 1
    assert points[-1].loss > 2 * min(point.loss for point in points)


def test_the_suggestion_is_a_tenth_of_the_best_rounded() -> None:
    assert suggest_rate([RatePoint(1e-3, 2), RatePoint(0.033, 0.5), RatePoint(1, 9)]) == pytest.approx(3e-3)

"""The learning rate range test finds a rate that works, and leaves the model alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.training.config import TrainConfig
from engine.training.events import EpochDone
from engine.training.optimizers import OPTIMIZERS
from engine.training.rate_finder import RatePoint, calm_loss, range_test, suggest_rate
from engine.training.trainer import Trainer
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


def test_a_network_that_has_learned_is_given_a_rate_that_does_no_harm() -> None:
    config = TrainConfig(epochs=20, batch_size=16, threads=1, validation=0.2)
    trainer = Trainer(MODEL, DATA, config)
    learned = [event for event in trainer.run() if isinstance(event, EpochDone)]
    assert learned[-1].validation_accuracy == 1
    trained = trainer.model()
    points = list(range_test(trained, DATA, config))
    assert points[-1].rate > 0.1  # small losses that change by a multiple are no explosion
    rate = suggest_rate(points, calm_loss(trained, config))
    assert 1e-3 < rate < 0.2
    again = Trainer(trained, DATA, replace(config, epochs=2, learning_rate=rate))
    assert [e for e in again.run() if isinstance(e, EpochDone)][-1].validation_accuracy > 0.95


def test_the_suggestion_is_a_tenth_of_the_best_rounded() -> None:
    assert suggest_rate([RatePoint(1e-3, 2), RatePoint(0.033, 0.5), RatePoint(1, 9)]) == pytest.approx(3e-3)

"""Evaluation: the same on any number of threads, and what a predictor and the loss say."""

from __future__ import annotations

import numpy as np
import pytest

from engine.evaluate import BATCH, Evaluator
from engine.inference import Predictor
from engine.losses import LOSSES
from engine.model import Model
from engine.presets import PRESETS
from engine.work import Work
from tests.engine.helpers import blobs

DATA = blobs(2 * BATCH + 9, side=28)
WORK = Work(DATA.images, DATA.labels)
MODEL = Model.new(PRESETS["lenet"].build(3), DATA.classes, np.random.default_rng(0))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_result_is_the_mean_over_all_images(name: str, threads: int) -> None:
    found = Evaluator(MODEL.spec, LOSSES[name], threads).run(MODEL.params, WORK)
    logits = Predictor(MODEL, 16).logits(DATA.images)
    loss = LOSSES[name].compute(logits.T, DATA.labels, None, 1.0) / len(DATA)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert np.array_equal(found.predictions, logits.argmax(axis=1))
    assert found.accuracy == np.mean(found.predictions == DATA.labels)


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1])
def test_any_number_of_images(count: int) -> None:
    indices = np.arange(count)[::-1]
    found = Evaluator(MODEL.spec, LOSSES["mse"], 2).run(MODEL.params, WORK, indices)
    assert len(found.predictions) == count
    assert np.isfinite(found.loss)
    assert 0 <= found.accuracy <= 1


def test_threads_give_the_same_bits() -> None:
    results = [Evaluator(MODEL.spec, LOSSES["mse"], 2).run(MODEL.params, WORK).loss for _ in range(3)]
    assert len(set(results)) == 1


def test_softmax_at_the_end_is_counted_once() -> None:
    from engine.layers import Dense, Flatten
    from engine.specs import ModelSpec

    plain = ModelSpec((Flatten(), Dense(3)), (28, 28, 1))
    ending = ModelSpec((Flatten(), Dense(3, "softmax")), (28, 28, 1))
    params = Model.new(plain, DATA.classes, np.random.default_rng(0)).params
    losses = [Evaluator(s, LOSSES["cross_entropy"]).run(params, WORK).loss for s in (plain, ending)]
    assert losses[0] == losses[1]

"""Predictors: batches, scores, and parameters published from another thread."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest

from engine.errors import SpecError
from engine.nn.activations import ACTIVATIONS
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.predictor import Predictor, output_activation
from engine.nn.presets import PRESETS, Preset
from engine.nn.specs import ModelSpec
from tests.engine.helpers import blobs

IMAGES = blobs(11, side=28).images


def model(preset: Preset = PRESETS["lenet"], seed: int = 0) -> Model:
    return Model.new(preset.build(3), ("a", "b", "c"), np.random.default_rng(seed))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_batch_size_does_not_matter(preset: Preset, batch: int) -> None:
    whole = Predictor(model(preset), 11).logits(IMAGES)
    assert whole.shape == (11, 3)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(Predictor(model(preset), batch).logits(IMAGES), whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_scores_are_probabilities(activation: str) -> None:
    spec = ModelSpec((Flatten(), Dense(3, activation)), (28, 28, 1))
    predictor = Predictor(Model.new(spec, ("a", "b", "c"), np.random.default_rng(0)), 4)
    scores, outputs = predictor.probabilities(IMAGES), predictor.logits(IMAGES)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert np.array_equal(scores.argmax(axis=1), outputs.argmax(axis=1)) or activation in {"relu", "relu6"}
    function = output_activation(spec)
    if function is not None and function.probabilities:
        assert np.array_equal(scores, outputs)
    else:
        np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_channels_may_be_left_out() -> None:
    predictor = Predictor(model())
    assert np.array_equal(predictor.logits(IMAGES), predictor.logits(IMAGES[..., 0]))


def test_no_images_no_answers() -> None:
    assert Predictor(model()).probabilities(IMAGES[:0]).shape == (0, 3)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(SpecError, match="28×28×1"):
        Predictor(model()).logits(IMAGES[:, :20])


def test_published_parameters_are_copied() -> None:
    first, second = model(), model(seed=1)
    predictor = Predictor(first)
    fresh = second.params.copy()
    predictor.publish(fresh)
    fresh[...] = np.nan
    assert np.array_equal(predictor.logits(IMAGES), Predictor(second).logits(IMAGES))


def test_publishing_while_predicting_never_mixes() -> None:
    """Every answer belongs to one of the two sets of parameters."""
    models = [model(PRESETS["mlp-32-32"], seed) for seed in range(2)]
    expected = [Predictor(m, 11).logits(IMAGES) for m in models]
    predictor = Predictor(models[0], 11)
    done = threading.Event()

    def publish() -> None:
        while not done.is_set():
            for m in models:
                predictor.publish(m.params)

    thread = threading.Thread(target=publish)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # change threads wherever that is possible
    thread.start()
    try:
        answers = [predictor.logits(IMAGES) for _ in range(300)]
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert all(any(np.array_equal(answer, each) for each in expected) for answer in answers)

"""Evaluation: the same on any number of threads, and what a predictor and the loss say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engine.errors import QuantizationError
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.quantize import compare_float_int8
from engine.quantize.calibrate import calibrate
from engine.quantize.compare_float_int8 import compare_int8, evaluate_int8
from engine.quantize.network import IntegerPredictor
from engine.training.evaluate import BATCH, Evaluator
from engine.training.images import LabelledImages
from tests.engine.helpers import blobs

DATA = blobs(2 * BATCH + 9, side=28)
WORK = LabelledImages(DATA.images, DATA.labels)
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
    from engine.nn.layers import Dense, Flatten
    from engine.nn.specs import ModelSpec

    plain = ModelSpec((Flatten(), Dense(3)), (28, 28, 1))
    ending = ModelSpec((Flatten(), Dense(3, "softmax")), (28, 28, 1))
    params = Model.new(plain, DATA.classes, np.random.default_rng(0)).params
    losses = [Evaluator(s, LOSSES["cross_entropy"]).run(params, WORK).loss for s in (plain, ending)]
    assert losses[0] == losses[1]


QUANTIZED = MODEL.replace(quantization=calibrate(MODEL, DATA.images))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_int8_is_evaluated_like_float(name: str, threads: int) -> None:
    found = evaluate_int8(QUANTIZED, LOSSES[name], WORK, threads)
    logits = IntegerPredictor(QUANTIZED).logits(DATA.images)
    loss = LOSSES[name].compute(np.ascontiguousarray(logits.T), DATA.labels, None, 1.0) / len(DATA)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert np.array_equal(found.predictions, logits.argmax(axis=1))
    assert found.accuracy == np.mean(found.predictions == DATA.labels)
    plain = Evaluator(MODEL.spec, LOSSES[name]).run(MODEL.params, WORK)
    assert found.loss == pytest.approx(plain.loss, rel=0.05)


def test_int8_probabilities_have_a_loss_near_that_of_floats() -> None:
    from engine.nn.layers import Dense, Flatten
    from engine.nn.specs import ModelSpec

    spec = ModelSpec((Flatten(), Dense(3, "softmax")), (28, 28, 1))
    model = Model.new(spec, DATA.classes, np.random.default_rng(0))
    model = model.replace(quantization=calibrate(model, DATA.images))
    both = compare_int8(model, LOSSES["cross_entropy"], WORK)
    assert both.in_int8.loss == pytest.approx(both.in_float.loss, rel=0.05)


def test_no_images_have_no_int8_answers() -> None:
    found = evaluate_int8(QUANTIZED, LOSSES["mse"], LabelledImages(DATA.images[:0], DATA.labels[:0]), 2)
    assert (found.loss, found.accuracy, len(found.predictions)) == (0.0, 0.0, 0)


def test_flips_are_the_images_that_change_their_class() -> None:
    in_float, in_int8 = Predictor(MODEL, 16), IntegerPredictor(QUANTIZED)
    changed = [
        index
        for index, image in enumerate(DATA.images)
        if in_float.logits(image[None]).argmax() != in_int8.logits(image[None]).argmax()
    ]
    assert compare_int8(QUANTIZED, LOSSES["mse"], WORK, 2).flips.tolist() == changed


def test_part_by_part_is_the_same_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_float_int8, "PART", 50)
    found = []

    def parts() -> Iterator[int]:
        found.append((yield from compare_float_int8.compare_in_parts(QUANTIZED, DATA)))

    assert list(parts()) == [*range(50, len(DATA), 50), len(DATA)]
    assert found[0].metrics == compare_int8(QUANTIZED, LOSSES["mse"], WORK).metrics


def test_only_a_quantized_model_has_int8_answers() -> None:
    with pytest.raises(QuantizationError, match="tinyml quantize"):
        evaluate_int8(MODEL, LOSSES["mse"], WORK)

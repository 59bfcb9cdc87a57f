"""Fine-tuning for int8: it wins back what rounding cost, tells of itself like any run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.errors import FieldError, QuantizationError, SpecError
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.quantize.calibrate import METHODS
from engine.quantize.compare_float_int8 import compare_int8, evaluate_int8
from engine.quantize.finetune import QuantizeConfig, calibration_images, quantize_run
from engine.record import TrainingRecord
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig, trained_config
from engine.training.events import BatchDone, Diverged, EpochDone, Finished, Reason
from engine.training.images import LabelledImages
from engine.training.trainer import Trainer
from tests.engine.helpers import blobs

SPEC = ModelSpec((Flatten(), Dense(12, "relu"), Dense(6)), (8, 8, 1))
NORMED = ModelSpec(
    (
        Conv2D(4, 3, activation="linear", bias=False),
        BatchNorm(),
        Activation("relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(3, "softmax"),
    ),
    (8, 8, 1),
)
TRAINING = TrainConfig(epochs=10, batch_size=32, threads=1, optimizer="adam", learning_rate=0.01)


def noisy(data: Dataset) -> Dataset:
    """Return `data` with noise that makes it harder; the first pixel is always dark."""
    noise = np.random.default_rng(0).normal(0, 60, data.images.shape)
    images = np.clip(data.images + noise, 0, 255).astype(np.uint8)
    images[:, 0, 0] = 0
    return replace(data, images=images)


DATA = noisy(blobs(600, classes=6, side=8))


def trained(spec: ModelSpec, data: Dataset, config: TrainConfig = TRAINING) -> Model:
    *_, last = Trainer(Model.new(spec, data.classes, np.random.default_rng(0)), data, config).run()
    assert isinstance(last, Finished)
    return last.model


def spoiled(model: Model) -> Model:
    """Return a model that gives the same but needs so wide a range of weights that few steps are left.

    The large weights belong to a pixel that is always dark.
    """
    params = model.params.copy()
    weight = ParamLayout(model.spec).named(params)["1.weight"]
    weight[:, 0] = 300 * np.abs(weight[:, 1:]).max(axis=1)
    return model.replace(params=params, record=model.record)


def int8_loss(model: Model) -> float:
    return evaluate_int8(model, LOSSES["cross_entropy"], LabelledImages(DATA.images, DATA.labels)).loss


def finished(model: Model, data: Dataset, **config: object) -> Finished:
    *_, last = quantize_run(model, data, QuantizeConfig(**{"threads": 1, **config}))  # type: ignore[arg-type]
    assert isinstance(last, Finished)
    return last


def test_it_wins_back_what_rounding_cost() -> None:
    model = spoiled(trained(SPEC, DATA))
    before = int8_loss(finished(model, DATA).model)
    tuned = int8_loss(finished(model, DATA, finetune=5, learning_rate=0.01).model)
    gentle = replace(TRAINING, epochs=5)
    *_, plain = Trainer(model, DATA, gentle).run()
    without_rounding = int8_loss(finished(plain.model, DATA).model)
    assert before > 0.3
    assert tuned < 0.2 * before
    assert tuned < 0.5 * without_rounding


def test_calibration_alone_keeps_the_parameters_and_is_one_event() -> None:
    model = trained(SPEC, DATA)
    (event,) = quantize_run(model, DATA)
    assert isinstance(event, Finished)
    assert event.reason is Reason.COMPLETED
    np.testing.assert_array_equal(event.model.params, model.params)
    assert event.model.record == model.record
    assert event.model.quantization.data == DATA.name


@pytest.mark.parametrize("method", METHODS)
def test_the_run_tells_of_itself_like_any_other(method: str) -> None:
    data = blobs(side=8)
    model = trained(NORMED, data, replace(TRAINING, epochs=1, batch_size=16))
    config = QuantizeConfig(method=method, finetune=2, threads=1)
    events = list(quantize_run(model, data, config))
    assert sum(isinstance(event, EpochDone) for event in events) == 2
    steps = [event for event in events if isinstance(event, BatchDone)]
    assert [event.step for event in steps] == list(range(1, steps[0].steps + 1))
    last = events[-1].model
    assert len(last.spec.layers) == len(NORMED.layers) - 1  # batch norm is folded
    assert last.quantization.method == method
    assert last.record.finetuning is not None
    assert last.record.finetuning.config is not None
    assert last.record.finetuning.config["epochs"] == 2
    assert last.record.config == model.record.config
    assert last.classes == model.classes


def test_a_batch_norm_that_cannot_be_folded_goes_on_learning() -> None:
    data = blobs(side=8)
    spec = ModelSpec((Conv2D(4, 3), *NORMED.layers[1:]), NORMED.input_shape)
    model = trained(spec, data, replace(TRAINING, epochs=2, batch_size=16))
    found = finished(model, data, finetune=2, learning_rate=1e-3).model
    assert len(found.spec.layers) == len(spec.layers)
    labelled = LabelledImages(data.images, data.labels)
    both = compare_int8(found, LOSSES["cross_entropy"], labelled)
    assert both.in_int8.loss == pytest.approx(both.in_float.loss, rel=0.1, abs=0.01)


def test_the_same_seed_gives_the_same_model() -> None:
    model = trained(SPEC, DATA)
    runs = [finished(model, DATA, finetune=1, seed=seed).model.fingerprint for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


def test_it_can_be_given_up_between_two_events() -> None:
    events = quantize_run(trained(SPEC, DATA), DATA, QuantizeConfig(finetune=3, threads=2))
    assert isinstance(next(events), BatchDone)
    events.close()


def test_a_run_that_diverges_ends_in_the_calibrated_model() -> None:
    model = trained(SPEC, DATA)
    large = model.replace(params=model.params * 1e5, record=model.record)
    wrong = replace(DATA, labels=(DATA.labels + 1) % 6)
    *_, told, last = quantize_run(large, wrong, QuantizeConfig(finetune=1, threads=1))
    assert isinstance(told, Diverged)
    assert last.reason is Reason.DIVERGED
    np.testing.assert_array_equal(last.model.params, large.params)
    assert last.model.quantization is not None


def test_images_are_some_of_all() -> None:
    chosen = calibration_images(DATA, QuantizeConfig(images=50, seed=1))
    assert chosen.shape == (50, 8, 8, 1)
    again = calibration_images(DATA, QuantizeConfig(images=50, seed=1))
    np.testing.assert_array_equal(chosen, again)
    everything = calibration_images(DATA, QuantizeConfig(images=100_000))
    np.testing.assert_array_equal(everything, DATA.images)


def test_the_settings_of_the_training_are_kept() -> None:
    config = TrainConfig(smoothing=0.1, loss="mse", augmentation=Augmentation(shift=1.0))
    model = Model.new(SPEC, DATA.classes, np.random.default_rng(0))
    assert trained_config(model.replace(record=TrainingRecord(config=config.to_json()))) == config
    for record in ({}, {"config": None}, {"config": {"epochs": "many"}}):
        assert trained_config(model.replace(record=TrainingRecord.from_json(record))) == TrainConfig()


def test_what_does_not_go_together_is_refused() -> None:
    model = trained(SPEC, DATA)
    with pytest.raises(SpecError, match="8×8×1"):
        list(quantize_run(model, blobs(side=9), QuantizeConfig(finetune=1)))
    broken = model.replace(params=np.full_like(model.params, np.nan))
    with pytest.raises(QuantizationError, match="not finite"):
        list(quantize_run(broken, DATA))
    with pytest.raises(FieldError, match="choose one of"):
        QuantizeConfig(method="guess")

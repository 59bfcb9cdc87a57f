"""Runs: reproducible to the bit, paused, stopped, diverged, stopped early, refused."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.data.dataset import Dataset
from engine.errors import FieldError, TrainingError
from engine.knobs import knobs_of
from engine.nn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS, Preset
from engine.nn.specs import ModelSpec
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.events import BatchDone, Diverged, EpochDone, Event, Finished, Reason
from engine.training.optimizers import OPTIMIZERS
from engine.training.schedules import SCHEDULES
from engine.training.trainer import Trainer
from tests.engine.helpers import blobs

SPEC = ModelSpec((Conv2D(4, 3), BatchNorm(), MaxPool2D(2), Flatten(), Dropout(0.1), Dense(3)), (8, 8, 1))
PLAIN = ModelSpec((Flatten(), Dense(8, "relu"), Dense(3)), (8, 8, 1))
DATA = blobs(120)
CONFIG = TrainConfig(epochs=2, batch_size=16, threads=1, validation=0.2, schedule="constant")


EVERYTHING = Augmentation(**{knob.name: 0.1 * (knob.high or 1) for knob in knobs_of(Augmentation)})


def start(spec: ModelSpec = SPEC, data: Dataset = DATA) -> Model:
    return Model.new(spec, data.classes, np.random.default_rng(1), "test")


def train(config: TrainConfig = CONFIG, model: Model | None = None, data: Dataset = DATA) -> list[Event]:
    return list(Trainer(model or start(data=data), data, config).run())


def finished(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    return events[-1]


def params(config: TrainConfig, **changes: Any) -> np.ndarray:
    return finished(train(replace(config, **changes))).model.params


def test_it_learns() -> None:
    result = finished(train(replace(CONFIG, epochs=8)))
    assert result.reason is Reason.COMPLETED
    assert (result.model.record.history or ())[-1].validation_accuracy > 0.9


def test_events_come_in_order() -> None:
    events = train()
    batches = [event for event in events if isinstance(event, BatchDone)]
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert [event.step for event in batches] == list(range(1, 13))
    assert {event.steps for event in batches} == {12}
    assert [event.epoch for event in epochs] == [1, 2]
    assert [type(event) for event in events[5:8]] == [BatchDone, EpochDone, BatchDone]
    assert batches[-1].seconds_left == 0
    assert all(0 <= event.accuracy <= 1 and event.loss > 0 for event in batches)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_same_seed_and_threads_give_the_same_bits(preset: Preset, threads: int) -> None:
    data = blobs(40, side=28)
    config = TrainConfig(
        epochs=1, batch_size=8, threads=threads, loss=preset.loss, drawings=0.3, augmentation=EVERYTHING
    )
    models = [Model.new(preset.build(3), data.classes, np.random.default_rng(3)) for _ in range(2)]
    first, second = (finished(train(config, model, data)).model for model in models)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != models[0].fingerprint


def test_another_seed_gives_another_model() -> None:
    assert not np.array_equal(params(CONFIG), params(CONFIG, seed=1))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_optimizer_learns_on_every_schedule(optimizer: str, schedule: str) -> None:
    config = replace(CONFIG, optimizer=optimizer, schedule=schedule, epochs=5)
    config = replace(config, learning_rate=OPTIMIZERS[optimizer].default_rate)
    history = [event for event in train(config) if isinstance(event, EpochDone)]
    assert history[-1].train_loss < history[0].train_loss


def test_two_threads_give_the_same_model_to_rounding() -> None:
    one, two = (finished(train(replace(CONFIG, threads=t), start(PLAIN))).model for t in (1, 2))
    assert one.record.threads == 1
    np.testing.assert_allclose(one.params, two.params, rtol=1e-3, atol=1e-5)


def test_not_pulling_pauses() -> None:
    trainer = Trainer(start(), DATA, CONFIG)
    run = trainer.run()
    next(run)
    before = trainer.snapshot()
    assert threading.active_count() >= 1
    assert np.array_equal(before, trainer.snapshot())
    next(run)
    assert not np.array_equal(before, trainer.snapshot())
    paused = [*run][-1]
    assert isinstance(paused, Finished)
    assert np.array_equal(paused.model.params, params(CONFIG))


def test_snapshots_are_copies() -> None:
    trainer = Trainer(start(), DATA, CONFIG)
    run = trainer.run()
    next(run)
    taken = trainer.snapshot()
    kept = taken.copy()
    for _ in run:
        pass
    assert np.array_equal(taken, kept)


def test_stop_ends_at_the_next_batch() -> None:
    trainer = Trainer(start(), DATA, replace(CONFIG, epochs=10_000))
    run = trainer.run()
    for _ in range(3):
        next(run)
    expected = trainer.snapshot()
    trainer.stop()
    rest = list(run)
    assert len(rest) == 1
    assert finished(rest).reason is Reason.STOPPED
    assert np.array_equal(finished(rest).model.params, expected)


def test_abandoning_a_run_ends_its_threads() -> None:
    before = threading.active_count()
    run = Trainer(start(), DATA, replace(CONFIG, threads=2)).run()
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert threading.active_count() <= before


DEEP = ModelSpec((Flatten(), Dense(16, "relu"), Dense(16, "relu"), Dense(3)), (8, 8, 1))


@pytest.mark.parametrize("spec", [DEEP, SPEC], ids=["dense", "batch norm"])
@pytest.mark.parametrize("averaging", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_divergence_is_noticed_and_undone(optimizer: str, averaging: float, spec: ModelSpec) -> None:
    config = replace(CONFIG, optimizer=optimizer, learning_rate=100.0, epochs=60, averaging=averaging)
    events = train(config, start(spec))
    result = finished(events)
    assert np.isfinite(result.model.params).all()
    if result.reason is Reason.DIVERGED:
        assert isinstance(events[-2], Diverged)
        assert "learning rate" in events[-2].advice
        assert not math.isfinite(events[-2].loss) or events[-2].loss > 1e6


def test_an_absurd_rate_diverges() -> None:
    model = start(ModelSpec((Flatten(), Dense(3)), (8, 8, 1)))
    result = finished(train(replace(CONFIG, loss="mse", learning_rate=100.0), model))
    assert result.reason is Reason.DIVERGED
    assert np.array_equal(result.model.params, model.params)  # nothing that came after them was any good
    json.dumps(result.model.record.to_json(), allow_nan=False)


def test_divergence_brings_back_the_best_parameters_after_an_epoch_and_says_how_good_they_are() -> None:
    config = replace(CONFIG, epochs=8)
    trainer = Trainer(start(PLAIN), DATA, config, schedule=lambda progress: 1 if progress < 0.5 else 1e6)
    ended: dict[int, tuple[float, np.ndarray]] = {}
    for event in trainer.run():
        if isinstance(event, EpochDone):
            ended[event.epoch] = event.validation_loss, trainer.snapshot()
        elif isinstance(event, Diverged):
            diverged = event
    assert isinstance(event, Finished)
    best = min(ended, key=lambda epoch: ended[epoch][0])
    assert diverged.good_epoch == best
    assert np.array_equal(event.model.params, ended[best][1])
    accuracy = (event.model.record.history or ())[best - 1].validation_accuracy
    assert diverged.kept == (
        f"The parameters after epoch {best} were kept; their accuracy is {100 * accuracy:.1f} % on "
        "validation images."
    )


@pytest.mark.parametrize("validation", [0.2, 0.0])
def test_a_trained_model_that_only_got_worse_before_it_diverged_is_the_result(validation: float) -> None:
    config = replace(CONFIG, loss="mse", learning_rate=0.02, epochs=8, validation=validation)
    trained = finished(train(config, start(ModelSpec((Flatten(), Dense(3)), (8, 8, 1))))).model
    events = train(replace(config, learning_rate=1.5), trained)
    assert any(isinstance(event, EpochDone) for event in events)  # it got worse, but stayed finite
    (diverged,) = (event for event in events if isinstance(event, Diverged))
    assert (diverged.good_epoch, diverged.good_accuracy) == (0, 1.0)
    assert ("training" in diverged.kept) is (validation == 0)
    assert finished(events).model is trained  # with all that is known about it


def test_early_stopping_restores_the_best() -> None:
    """On labels without meaning the validation loss soon rises."""
    rng = np.random.default_rng(0)
    noise = Dataset("noise", DATA.images, rng.integers(0, 3, 120).astype(np.uint8), DATA.classes)
    config = replace(CONFIG, epochs=200, patience=3, learning_rate=0.1, validation=0.4)
    trainer = Trainer(start(PLAIN), noise, config)
    seen: dict[float, np.ndarray] = {}
    for event in trainer.run():
        if isinstance(event, EpochDone):
            seen[event.validation_loss] = trainer.snapshot()
        last = event
    assert isinstance(last, Finished)
    assert last.reason is Reason.EARLY
    losses = list(seen)
    assert len(losses) < 200
    assert losses.index(min(losses)) == len(losses) - 4
    assert np.array_equal(last.model.params, seen[min(losses)])


def test_averaging_keeps_the_mean_of_what_was_passed_through() -> None:
    """The average lies closer to all parameters on the way than the last of them do."""
    config = replace(CONFIG, learning_rate=0.2, epochs=4)
    trainer = Trainer(start(PLAIN), DATA, config)
    way = [trainer.snapshot() for event in trainer.run() if isinstance(event, BatchDone)]
    result = finished(train(replace(config, averaging=0.5), start(PLAIN))).model.params
    average = start(PLAIN).params.astype(np.float64)
    for step, passed in enumerate(way):
        memory = min(0.5, (1 + step) / (10 + step))
        average = memory * average + (1 - memory) * passed
    np.testing.assert_allclose(result, average, rtol=1e-4, atol=1e-5)


def test_smoothing_is_used() -> None:
    assert not np.array_equal(params(CONFIG), params(CONFIG, smoothing=0.1))


def test_clipping_bounds_the_step() -> None:
    config = replace(CONFIG, epochs=1, clip_norm=1e-3, learning_rate=1.0, momentum=0.0)
    model = start(PLAIN)
    trainer = Trainer(model, DATA, config)
    run = trainer.run()
    before = model.params
    for event in run:
        if isinstance(event, BatchDone):
            step = float(np.linalg.norm(trainer.snapshot() - before))
            assert step <= 1.01e-3
            before = trainer.snapshot()


def test_nothing_kept_aside() -> None:
    events = train(replace(CONFIG, validation=0.0))
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert all(math.isnan(event.validation_loss) for event in epochs)
    assert next(event.steps for event in events if isinstance(event, BatchDone)) == 2 * (120 // 16)


def test_augmentation_is_used() -> None:
    assert not np.array_equal(params(CONFIG), params(CONFIG, augmentation=Augmentation(shift=2)))


def refused() -> Iterator[tuple[str, Model, Dataset, TrainConfig]]:
    other = replace(DATA, classes=("x", "y", "z"))
    yield "batch", start(), DATA, replace(CONFIG, batch_size=97)
    yield "classes", start(), other, CONFIG
    yield "classes", start(), blobs(120, classes=2), CONFIG
    yield "28×28×1", start(), blobs(side=28), CONFIG
    yield "Drawings are 28×28", start(), DATA, replace(CONFIG, drawings=0.5)


@pytest.mark.parametrize(("words", "model", "data", "config"), list(refused()))
def test_what_does_not_go_together_is_refused(
    words: str, model: Model, data: Dataset, config: TrainConfig
) -> None:
    with pytest.raises(TrainingError, match=words) as caught:
        Trainer(model, data, config)
    assert "\n" not in str(caught.value)


def test_a_batch_of_all_training_images_is_allowed() -> None:
    assert Trainer(start(), DATA, replace(CONFIG, batch_size=96)).steps_per_epoch == 1


@pytest.mark.parametrize("field", ["epochs", "batch_size", "learning_rate", "seed", "threads", "validation"])
def test_configuration_is_checked(field: str) -> None:
    with pytest.raises(FieldError) as caught:
        TrainConfig(**{field: -1})
    assert caught.value.field == field


def test_record_says_how_it_was_trained() -> None:
    record = finished(train()).model.record
    assert record.data == "blobs"
    assert record.config is not None
    assert record.config["batch_size"] == 16
    assert record.config["augmentation"]["shift"] == 0
    assert [epoch.epoch for epoch in record.history or ()] == [1, 2]
    json.dumps(record.to_json())


def test_the_start_is_left_as_it_was() -> None:
    model = start()
    before = model.params.copy()
    train(model=model)
    assert np.array_equal(model.params, before)


def test_accumulated_batches_equal_one_large_batch() -> None:
    """Four gathered batches of 8 step as one of 32, where nothing depends on the batch itself."""
    config = replace(CONFIG, batch_size=32, momentum=0.5, validation=0.0, epochs=1)
    large = finished(train(config, start(PLAIN))).model.params
    small = finished(train(replace(config, batch_size=8, accumulate=4), start(PLAIN))).model.params
    # the larger batches leave out 24 of the 120 images; the small ones gather 12 of 15 batches in 3 steps
    np.testing.assert_allclose(large, small, rtol=1e-4, atol=1e-6)

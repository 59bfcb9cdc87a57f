"""An interrupted run goes on as if nothing had happened, and a damaged one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ProjectError, TrainingError
from engine.nn.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from engine.training import data_parallel
from engine.training.augment import Augmentation
from engine.training.checkpoint import Checkpoint, KeepInterval
from engine.training.config import TrainConfig
from engine.training.events import BatchDone, Event, Finished, Reason
from engine.training.optimizers import OPTIMIZERS
from engine.training.terms import resuming_note
from engine.training.trainer import Trainer
from tests.engine.helpers import blobs

DATA = blobs(120)
SPEC = ModelSpec((Conv2D(4, 3), BatchNorm(), MaxPool2D(2), Flatten(), Dropout(0.1), Dense(3)), (8, 8, 1))
MODEL = Model.new(SPEC, DATA.classes, np.random.default_rng(1), "test")
CONFIG = TrainConfig(
    epochs=3,
    batch_size=16,
    validation=0.2,
    averaging=0.9,
    augmentation=Augmentation(shift=1, rotate=10),
    threads=2,
)


def finish(trainer: Trainer) -> tuple[list[Event], Finished]:
    *events, last = trainer.run()
    assert isinstance(last, Finished)
    return events, last


def interrupted(config: TrainConfig, events: int, path: Path, start: Model = MODEL) -> Trainer:
    """Return a trainer that goes on, by way of a file, after `events` events."""
    trainer = Trainer(start, DATA, config)
    run = trainer.run()
    for _ in range(events):
        next(run)
    model_file.save(trainer.model(), path, trainer.checkpoint())
    run.close()
    model, checkpoint = model_file.load_run(path)
    assert checkpoint is not None
    return Trainer.resumed(model, DATA, checkpoint)


@pytest.mark.parametrize("events", [1, 4, 6, 7, 12, 20])
def test_a_resumed_run_equals_an_uninterrupted_one(events: int, tmp_path: Path) -> None:
    whole, expected = finish(Trainer(MODEL, DATA, CONFIG))
    rest, found = finish(interrupted(CONFIG, events, tmp_path / "run.tinyml"))
    assert np.array_equal(found.model.params, expected.model.params)
    steps = [(e.step, e.loss) for e in whole[events:] if isinstance(e, BatchDone)]
    assert [(e.step, e.loss) for e in rest if isinstance(e, BatchDone)] == steps


def test_a_run_with_blended_images_and_parts_of_batches_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ModelSpec((Conv2D(4, 3), MaxPool2D(2), Flatten(), Dropout(0.1), Dense(3)), (8, 8, 1))
    start = Model.new(spec, DATA.classes, np.random.default_rng(1), "test")
    monkeypatch.setattr(data_parallel, "micro_batches", lambda spec, batch: 2)
    monkeypatch.setattr(data_parallel, "WORTHWHILE", 1)
    config = replace(CONFIG, mixup=0.4, smoothing=0.1, accumulate=2)
    expected = finish(Trainer(start, DATA, config))[1]
    found = finish(interrupted(config, 8, tmp_path / "run.tinyml", start))[1]
    assert np.array_equal(found.model.params, expected.model.params)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_resumes(optimizer: str, tmp_path: Path) -> None:
    config = replace(CONFIG, optimizer=optimizer, learning_rate=0.002, patience=2)
    expected = finish(Trainer(MODEL, DATA, config))[1]
    found = finish(interrupted(config, 9, tmp_path / "run.tinyml"))[1]
    assert np.array_equal(found.model.params, expected.model.params)
    first, second = (
        [
            {k: v for k, v in epoch.items() if k != "images_per_second"}
            for epoch in f.model.record.to_json()["history"]
        ]
        for f in (expected, found)
    )
    assert first == second


def test_a_finished_run_only_ends_once_more(tmp_path: Path) -> None:
    trainer = Trainer(MODEL, DATA, CONFIG)
    expected = finish(trainer)[1]
    model_file.save(expected.model, tmp_path / "run.tinyml", trainer.checkpoint())
    model, run = model_file.load_run(tmp_path / "run.tinyml")
    assert run is not None
    events, found = finish(Trainer.resumed(model, DATA, run))
    assert events == []
    assert found.reason is Reason.COMPLETED
    assert np.array_equal(found.model.params, expected.model.params)


def test_a_file_with_a_run_is_a_model_too(tmp_path: Path) -> None:
    interrupted(CONFIG, 5, tmp_path / "run.tinyml")
    with_run = model_file.load(tmp_path / "run.tinyml")
    model_file.save(with_run, tmp_path / "model.tinyml")
    assert model_file.load_run(tmp_path / "model.tinyml")[1] is None
    assert model_file.load(tmp_path / "model.tinyml").fingerprint == with_run.fingerprint


def test_other_data_is_refused(tmp_path: Path) -> None:
    interrupted(CONFIG, 5, tmp_path / "run.tinyml")
    model, run = model_file.load_run(tmp_path / "run.tinyml")
    assert run is not None
    with pytest.raises(TrainingError, match=r"120 images of .* choose the data set"):
        Trainer.resumed(model, blobs(60), run)


@pytest.mark.parametrize("part", ["images", "labels"])
def test_data_that_changed_are_refused_by_name(tmp_path: Path, part: str) -> None:
    interrupted(CONFIG, 5, tmp_path / "run.tinyml")
    model, run = model_file.load_run(tmp_path / "run.tinyml")
    assert run is not None
    changed = getattr(DATA, part).copy()
    changed.flat[7] = 1 - min(changed.flat[7], 1)  # a single byte
    with pytest.raises(TrainingError, match=f"The {part} of blobs are not those that the run began with"):
        Trainer.resumed(model, replace(DATA, **{part: changed}), run)
    Trainer.resumed(model, replace(DATA, **{part: getattr(DATA, part).copy()}, name="moved"), run)


def test_other_kernels_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Trainer(MODEL, DATA, CONFIG).checkpoint()
    assert run.terms is not None
    assert resuming_note(run.terms) == ""
    assert f"NumPy {np.__version__}" in run.terms.kernels
    elsewhere = replace(run.terms, kernels="openblas 0.2 for an abacus")
    assert "began with openblas 0.2 for an abacus, and goes on with tinyml" in resuming_note(elsewhere)
    assert "whether they are still the same is not known" in resuming_note(None)


def terms_without_labels(facts: dict[str, Any]) -> None:
    del facts["terms"]["labels"]


def change_position(facts: dict[str, Any]) -> None:
    facts["position"]["epoch"] = 99


def drop_thread(facts: dict[str, Any]) -> None:
    facts["generators"].pop()


def break_generator(facts: dict[str, Any]) -> None:
    facts["generators"][0] = {"bit_generator": "PCG64", "state": "?"}


def other_optimizer(facts: dict[str, Any]) -> None:
    facts["config"]["optimizer"] = "adam"


def unknown_setting(facts: dict[str, Any]) -> None:
    facts["config"]["warp"] = 9


def text_in_history(facts: dict[str, Any]) -> None:
    facts["history"] = [{"epoch": "one"}]


def absurd_steps(facts: dict[str, Any]) -> None:
    facts["position"]["steps"] = 10**400


def absurd_loss(facts: dict[str, Any]) -> None:
    facts["position"]["loss"] = 10**400


def absurd_setting(facts: dict[str, Any]) -> None:
    facts["config"]["learning_rate"] = 10**400


DAMAGE = [
    terms_without_labels,
    change_position,
    drop_thread,
    break_generator,
    other_optimizer,
    unknown_setting,
    text_in_history,
    absurd_steps,
    absurd_loss,
    absurd_setting,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda f: f.__name__)
def test_a_damaged_run_is_refused(damage: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    trainer = Trainer(MODEL, DATA, CONFIG)
    next(trainer.run())
    run = trainer.checkpoint()
    facts = json.loads(json.dumps(run.to_json()))
    damage(facts)

    class Damaged:
        vectors = run.vectors

        def to_json(self) -> dict[str, Any]:
            return facts

    path = tmp_path / "run.tinyml"
    model_file.save(MODEL, path, Damaged())  # type: ignore[arg-type]
    with pytest.raises(ProjectError, match=r"run\.tinyml"):
        model_file.load(path)


def test_configurations_survive_json() -> None:
    assert TrainConfig.from_json(json.loads(json.dumps(CONFIG.to_json()))) == CONFIG
    assert asdict(TrainConfig.from_json({})) == asdict(TrainConfig())


def test_writing_a_run_takes_one_part_in_twenty_at_most() -> None:
    interval = KeepInterval()
    assert interval.due(0.0)
    interval.kept(100.0, 102.0)
    assert not interval.due(141.9)
    assert interval.due(142.0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_parts_of_a_run_give_what_a_file_is_expected_to_hold(optimizer: str) -> None:
    made = Trainer(MODEL, DATA, replace(CONFIG, optimizer=optimizer)).checkpoint()
    shapes = Checkpoint.vector_shapes(made.to_json(), ParamLayout(MODEL.spec))
    assert [(name, vector.shape) for name, vector in made.vectors.items()] == list(shapes.items())

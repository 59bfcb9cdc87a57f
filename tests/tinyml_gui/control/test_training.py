"""A run is decided about before anything changes, and starts where its seed says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.storage import model_file
from engine.training.config import TrainConfig
from engine.training.trainer import Trainer
from tests.tinyml_gui.tiny import SHAPE, TinyCatalogue, spot_model, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.starts import CONTINUE, FRESH
from tinyml_gui.viewmodels.training import Interrupted, Phase

QUICK = TrainConfig(epochs=2, batch_size=16, threads=1, seed=5)
LONG = TrainConfig(epochs=10_000, batch_size=16, threads=1)


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made.state.reset(spot_model())
    made.training.choose_data("starter")
    qtbot.waitUntil(lambda: made.training.data is not None)
    yield made
    made.shutdown()


def ended(controller: Controller) -> bool:
    return controller.training.run.status.phase is Phase.DONE


@pytest.mark.parametrize("start", [FRESH, "mlp-32-32"])
def test_the_seed_decides_about_start_values_too(start: str, controller: Controller, qtbot: QtBot) -> None:
    """The window gives the bits that the command line and the engine give."""
    data, old = spots(), controller.model
    spec = old.spec if start == FRESH else PRESETS[start].build(4, SHAPE)
    by_hand = Trainer(Model.new(spec, old.classes, np.random.default_rng(QUICK.seed)), data, QUICK)
    for _ in by_hand.run():
        pass
    controller.training.start(start, QUICK)
    qtbot.waitUntil(lambda: ended(controller))
    np.testing.assert_array_equal(controller.model.params, by_hand.snapshot())


def test_a_run_is_called_finished_only_when_the_model_has_its_result(
    controller: Controller, qtbot: QtBot
) -> None:
    running: list[bool] = []

    def look() -> None:
        if ended(controller):
            running.append(controller.training.is_running)

    controller.training.changed.connect(look)
    controller.training.start(CONTINUE, QUICK)
    qtbot.waitUntil(lambda: bool(running))
    assert not any(running)


@pytest.mark.parametrize("start", [FRESH, CONTINUE, "mlp-32-32"])
def test_a_refused_start_changes_nothing(start: str, controller: Controller) -> None:
    before = controller.state.document
    controller.training.start(start, TrainConfig(batch_size=4000))
    assert controller.training.run.status.phase is Phase.FAILED
    assert "4000" in controller.training.fault
    assert controller.state.document is before
    assert not controller.can_undo


def test_doubts_about_the_data_are_told(controller: Controller, qtbot: QtBot) -> None:
    labels = controller.training.data.labels % 3
    controller.training.data = replace(controller.training.data, labels=labels)
    with qtbot.waitSignal(controller.message) as told:
        controller.training.start(CONTINUE, QUICK)
    assert told.args[0].startswith("1 of the 4 classes of starter has no image (d)")
    qtbot.waitUntil(lambda: ended(controller))


def test_data_that_teach_nothing_are_refused(controller: Controller) -> None:
    labels = np.zeros_like(controller.training.data.labels)
    controller.training.data = replace(controller.training.data, labels=labels)
    controller.training.start(CONTINUE, QUICK)
    assert "belong to the class a" in controller.training.fault


def test_a_run_that_could_not_be_resumed_is_still_offered(controller: Controller, qtbot: QtBot) -> None:
    run = Trainer(controller.model, spots(), QUICK).checkpoint()
    assert run.terms is not None
    run = replace(run, terms=replace(run.terms, images="other ones"))
    offered = Interrupted(controller.model, run)
    controller.training.offer(offered)
    controller.training.resume_run()
    qtbot.waitUntil(lambda: not controller.training.is_running)
    assert "The images of starter are not those that the run began with" in controller.training.fault
    assert controller.training.interrupted == offered


def test_what_is_saved_during_a_run_tells_nothing_of_the_one_before(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    controller.training.start(CONTINUE, QUICK)
    qtbot.waitUntil(lambda: ended(controller) and controller.model.record.metrics is not None)
    with qtbot.waitSignal(controller.params_published):
        controller.training.start(CONTINUE, LONG)
    with qtbot.waitSignal(controller.message) as told:
        controller.save_file(tmp_path / "half.tinyml")
    assert "save again" in told.args[0]
    record = model_file.load(tmp_path / "half.tinyml").record
    assert record.data == "starter"
    assert record.config is not None
    assert record.config["epochs"] == LONG.epochs
    assert (record.metrics, record.history) == (None, None)


def test_a_trained_model_has_its_figures_again_when_training_it_on_has_diverged(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    controller.state.reset(spot_model(activation="linear"))
    controller.training.start(CONTINUE, QUICK)
    qtbot.waitUntil(lambda: ended(controller) and controller.model.record.metrics is not None)
    controller.save_file(tmp_path / "spots.tinyml")
    good = controller.model
    controller.training.start(CONTINUE, TrainConfig(epochs=50, batch_size=16, threads=1, learning_rate=100))
    qtbot.waitUntil(lambda: not controller.training.is_running)
    assert controller.training.run.status.phase is Phase.DIVERGED
    assert controller.model is good
    assert not controller.is_modified
    assert "that the run began with were kept" in controller.training.fault


def test_a_network_that_a_preset_gives_is_saved_nowhere_yet(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    controller.save_file(tmp_path / "spots.tinyml")
    controller.training.start("mlp-32-32", QUICK)
    assert (controller.path, controller.path_or_name) == (None, "mlp-32-32")
    qtbot.waitUntil(lambda: ended(controller))
    assert (controller.path, controller.path_or_name) == (None, "mlp-32-32")
    controller.undo()
    assert controller.path is None  # the same network before its training
    controller.undo()
    assert controller.path == tmp_path / "spots.tinyml"
    controller.training.start(FRESH, QUICK)  # the same network, learning anew
    assert controller.path == tmp_path / "spots.tinyml"


def test_the_model_of_a_run_is_not_saved_over_another_network(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    controller.training.start(CONTINUE, LONG)
    qtbot.waitUntil(lambda: controller.training.run.status.epoch >= 1)
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)
    path = tmp_path / "other.tinyml"
    model_file.save(spot_model(units=9), path)
    controller.open_file(path)
    controller.training.resume_run()
    assert (controller.path, controller.model.name) == (None, "spots")


def test_threads_beyond_the_machine_are_told(
    controller: Controller, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with qtbot.waitSignal(controller.message) as told:
        controller.training.start(CONTINUE, TrainConfig(batch_size=16, threads=8))
    assert not controller.quantization.is_running  # as when a run has ended
    assert told.args[0] == "This machine has 1 core: training with 1 thread instead of 8."

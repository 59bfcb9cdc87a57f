from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

import resources
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import PATIENCE, TinyCatalogue, spot_model
from tinyml_gui.background.worker import Job, Steps, Worker
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import change_layer, remove_layer
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.starts import CONTINUE
from tinyml_gui.viewmodels.training import Phase


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    yield made
    made.shutdown()


@pytest.fixture
def faults(controller: Controller) -> list[str]:
    heard: list[str] = []
    controller.error.connect(heard.append)
    return heard


def test_it_starts_with_a_model_that_reads_drawings(controller: Controller) -> None:
    assert controller.model.classes == tuple("0123456789")
    assert controller.model.spec.input_shape == (28, 28, 1)
    assert not controller.is_modified


def test_save_and_open_give_the_same_model(controller: Controller, tmp_path: Path, qtbot: QtBot) -> None:
    controller.state.replace_model(spot_model())
    assert controller.is_modified
    path = tmp_path / "spots.tinyml"
    with qtbot.waitSignal(controller.title_changed):
        controller.save_file(path)
    assert (controller.is_modified, controller.path, controller.title) == (False, path, "spots.tinyml")
    controller.new_from_preset("lenet")
    assert controller.path is None
    with qtbot.waitSignal(controller.model_changed):
        controller.open_file(path)
    assert controller.model.fingerprint == spot_model().fingerprint
    assert (controller.path, controller.can_undo) == (path, False)


def test_the_model_is_called_as_its_file(controller: Controller, tmp_path: Path) -> None:
    controller.state.replace_model(spot_model())
    controller.save_file(tmp_path / "mine.tinyml")
    assert (controller.model.name, controller.path_or_name) == ("mine", "mine")
    assert not controller.is_modified
    assert model_file.load(tmp_path / "mine.tinyml").name == "mine"
    (tmp_path / "mine.tinyml").rename(tmp_path / "yours.tinyml")
    controller.open_file(tmp_path / "yours.tinyml")
    assert controller.model.name == "yours"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"x" * 4000])
def test_a_damaged_file_is_told_and_the_model_stays(
    content: bytes, controller: Controller, faults: list[str], tmp_path: Path
) -> None:
    before = controller.model
    path = tmp_path / "damaged.tinyml"
    path.write_bytes(content)
    controller.open_file(path)
    assert "damaged.tinyml" in faults[0]
    assert controller.model is before
    assert controller.path is None


def test_a_folder_that_is_not_there_is_told_and_the_model_stays_unsaved(
    controller: Controller, faults: list[str], tmp_path: Path
) -> None:
    controller.state.replace_model(spot_model())
    controller.save_file(tmp_path / "missing" / "spots.tinyml")
    assert "missing" in faults[0]
    assert controller.is_modified


def test_a_network_with_a_fault_is_not_saved_over_a_good_file(
    controller: Controller, faults: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "spots.tinyml"
    model_file.save(spot_model(), path)
    controller.open_file(path)
    controller.edit(remove_layer(controller.model.spec, 0))
    controller.save_file(path)
    assert "Layer 1" in faults[0]
    assert model_file.load(path).fingerprint == spot_model().fingerprint
    assert model_file.load(path).fingerprint == spot_model().fingerprint


def test_each_kind_of_change_has_its_signal(controller: Controller, qtbot: QtBot) -> None:
    controller.state.reset(spot_model())
    with qtbot.waitSignals([controller.model_changed, controller.title_changed]):
        controller.edit(change_layer(controller.model.spec, 1, Dense(9)))
    with qtbot.assertNotEmitted(controller.model_changed), qtbot.waitSignal(controller.selection_changed):
        controller.select(2)
    with qtbot.waitSignals([controller.model_changed, controller.title_changed]):
        controller.undo()


def test_a_new_network_has_no_file_and_undo_brings_the_old_one_back(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "mine.tinyml"
    model_file.save(controller.model, path)
    controller.open_file(path)
    with qtbot.waitSignal(controller.title_changed):
        controller.use_preset("mlp-32-32")
    assert (controller.path, controller.title, controller.is_modified) == (None, "mlp-32-32", True)
    controller.edit(change_layer(controller.model.spec, 1, Dense(20)))
    assert controller.path is None
    controller.undo()
    with qtbot.waitSignal(controller.title_changed):
        controller.undo()
    assert (controller.path, controller.title, controller.is_modified) == (path, "mine.tinyml", False)
    controller.redo()
    controller.save_file(tmp_path / "new.tinyml")
    assert (controller.path, controller.is_modified) == (tmp_path / "new.tinyml", False)
    controller.undo()
    assert controller.path == path


def test_what_was_asked_for_and_done_settles_an_error(
    controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(controller.settled):
        controller.save_file(tmp_path / "a.tinyml")
    with qtbot.waitSignal(controller.settled):
        controller.open_file(tmp_path / "a.tinyml")
    with qtbot.waitSignal(controller.settled):
        controller.open_shipped("digits")
    with qtbot.waitSignal(controller.settled):
        controller.new_from_preset("mlp-32-32")
    with qtbot.waitSignal(controller.settled):
        controller.edit(remove_layer(controller.model.spec, 0))
    with qtbot.assertNotEmitted(controller.settled):
        controller.save_file(tmp_path / "b.tinyml")
        controller.open_file(tmp_path / "none.tinyml")


def test_adapting_what_cannot_be_is_told(controller: Controller, faults: list[str]) -> None:
    spec = ModelSpec((Flatten(),), (2, 2, 1))
    controller.state.reset(Model.new(spec, tuple("abcd"), np.random.default_rng(0)))
    controller.adapt(tuple("abc"))
    assert "preset" in faults[0]


@pytest.mark.parametrize("name", ["digits", "characters"])
def test_shipped_models_open(name: str, controller: Controller, faults: list[str]) -> None:
    if not resources.exists(f"models/{name}.tinyml"):
        pytest.skip(f"the model {name} has not been trained yet")
    controller.open_shipped(name)
    assert not faults
    assert controller.model.trained
    assert controller.path is None


def test_opening_another_model_clears_what_was_about_the_last_one(
    controller: Controller, qtbot: QtBot
) -> None:
    controller.state.reset(spot_model())
    controller.training.choose_data("starter")
    qtbot.waitUntil(lambda: controller.training.data is not None)
    controller.training.start(CONTINUE, TrainConfig(epochs=1, batch_size=16, threads=1))
    qtbot.waitUntil(lambda: controller.training.run.status.phase is Phase.DONE)
    with qtbot.waitSignal(controller.opened):
        controller.new_from_preset("mlp-32-32")
    assert controller.training.run.status.phase is Phase.IDLE
    assert len(controller.training.run.train_loss) == 0


def test_shutting_down_twice_does_no_harm(controller: Controller) -> None:
    controller.training.choose_data("starter")
    controller.shutdown()
    controller.shutdown()


def test_all_work_is_cancelled_before_any_is_waited_for(controller: Controller, qtbot: QtBot) -> None:
    """No job here ends before every other one has been told to."""
    jobs: list[Job] = []
    begun: list[Worker] = []
    seen: list[bool] = []

    def make(worker: Worker) -> Callable[[threading.Event], Steps]:
        def steps(stopping: threading.Event) -> Steps:
            begun.append(worker)
            seen.append(all(job.cancelling.wait(PATIENCE / 1000) for job in jobs))
            yield

        return steps

    workers = controller.findChildren(Worker)
    jobs += [Job(make(worker), lambda outcome: None) for worker in workers]
    for worker, job in zip(workers, jobs, strict=True):
        worker.submit(job)
    qtbot.waitUntil(lambda: len(begun) == len(workers))
    controller.shutdown()
    assert len(workers) > 3
    assert seen == [True] * len(workers)

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.boards.boards import BOARDS
from engine.errors import QuantizationError
from engine.export import FORMATS, ExportOptions
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.background import deploy_jobs
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.document.edits import change_layer, remove_layer
from tinyml_gui.document.settings import Settings
from tinyml_gui.viewmodels.fit import Fit, FitOrder, measure


@pytest.fixture
def controller(qtbot: QtBot, settings: Settings) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made.state.reset(spot_model())
    yield made
    made.shutdown()


@pytest.fixture
def deployment(controller: Controller) -> DeploymentController:
    return controller.deployment


def settle(deployment: DeploymentController, qtbot: QtBot) -> Fit:
    qtbot.waitUntil(lambda: not deployment.is_measuring)
    assert deployment.fit is not None
    return deployment.fit


def test_nothing_is_measured_until_somebody_looks(deployment: DeploymentController, qtbot: QtBot) -> None:
    deployment.update()
    assert not deployment.is_measuring
    deployment.watch()
    assert settle(deployment, qtbot).order.board is deployment.board


def test_board_and_format_are_remembered(controller: Controller, settings: Settings, qtbot: QtBot) -> None:
    with qtbot.waitSignal(controller.deployment.target_changed):
        controller.deployment.choose_board("pico")
    controller.deployment.choose_format("c-float32")
    later = DeploymentController(controller.state, settings, controller.tasks, controller)
    assert (later.board, later.format) == (BOARDS["pico"], "c-float32")
    later.shut_down()


@pytest.mark.parametrize("change", ["board", "format", "options", "network"])
def test_every_change_is_measured(
    change: str, deployment: DeploymentController, controller: Controller, qtbot: QtBot
) -> None:
    deployment.watch()
    before = settle(deployment, qtbot).order
    layers = controller.model.spec.layers
    changes = {
        "board": lambda: deployment.choose_board("esp32-c3"),
        "format": lambda: deployment.choose_format(next(name for name in FORMATS if name != before.format)),
        "options": lambda: deployment.choose_options(ExportOptions(preprocess=True)),
        "network": lambda: controller.edit(
            change_layer(controller.model.spec, 1, layers[1].replace(units=9))
        ),
    }
    if change == "format" and len(FORMATS) < 2:
        pytest.skip("there is one format only")
    changes[change]()
    assert deployment.is_measuring
    assert settle(deployment, qtbot).order != before


def test_a_fault_leaves_no_figures(
    deployment: DeploymentController, controller: Controller, qtbot: QtBot
) -> None:
    deployment.watch()
    settle(deployment, qtbot)
    controller.edit(remove_layer(controller.model.spec, 0))
    qtbot.waitUntil(lambda: deployment.fit is None)
    controller.undo()
    qtbot.waitUntil(lambda: deployment.fit is not None)


def test_measuring_is_not_the_windows_work_and_the_latest_wish_counts(
    deployment: DeploymentController, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, int]] = []
    gate = threading.Event()

    def slow(order: FitOrder) -> Fit:
        measured.append((order.board.name, threading.get_ident()))
        gate.wait(10)
        return measure(order)

    monkeypatch.setattr(deploy_jobs, "measure", slow)
    deployment.watch()
    qtbot.waitUntil(lambda: len(measured) == 1)
    for name in ("pico", "pico-2", "stm32f103"):
        deployment.choose_board(name)
    gate.set()
    assert settle(deployment, qtbot).order.board.name == "stm32f103"
    assert [name for name, _ in measured] == ["nano-33-ble", "stm32f103"]
    assert threading.get_ident() not in {thread for _, thread in measured}


def test_what_is_not_calibrated_yet_is_explained_in_words_of_the_window(tmp_path: Path) -> None:
    board, options = BOARDS["pico"], ExportOptions()
    works = [
        deploy_jobs.export(
            deploy_jobs.ExportOrder(spot_model(), "c-int8", options, tmp_path, board=board), lambda: False
        ),
        deploy_jobs.verify(
            deploy_jobs.VerifyOrder(spot_model(), "c-int8", options, board), lambda _: None, lambda: False
        ),
    ]
    for work in works:
        with pytest.raises(QuantizationError, match="stop the training") as caught:
            list(work)
        assert "tinyml quantize" not in str(caught.value)

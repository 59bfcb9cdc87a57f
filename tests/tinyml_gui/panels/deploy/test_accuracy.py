from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from engine.record import TrainingRecord
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import pretend_before
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import remove_layer
from tinyml_gui.panels.deploy.accuracy import AccuracyCard
from tinyml_gui.viewmodels.accuracy import Flip, Flips
from tinyml_gui.viewmodels.starts import CONTINUE

LEFT = Qt.MouseButton.LeftButton


def card(qtbot: QtBot, controller: Controller) -> AccuracyCard:
    controller.state.reset(controller.model.replace(record=TrainingRecord(data="starter")))
    made = AccuracyCard(controller.quantization)
    qtbot.addWidget(made)
    made.resize(600, 200)
    made.show()
    return made


def test_it_says_what_is_being_done_and_what_came_of_it(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    controller.quantization.prepare()
    assert made.progress.isVisible()
    assert made.words.text().startswith("Calibrating")
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    assert not made.progress.isVisible()
    assert "320 test images" in made.words.text()


def test_it_can_be_cancelled(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    controller.quantization.prepare()
    qtbot.mouseClick(made.cancel_button, LEFT)
    assert not controller.quantization.is_running
    assert not made.progress.isVisible()


def test_it_follows_a_model_that_was_never_compared(controller: Controller, qtbot: QtBot) -> None:
    controller.open_shipped("digits")
    made = AccuracyCard(controller.quantization)
    qtbot.addWidget(made)
    made.show()
    assert made.words.text().startswith("int8 is")
    controller.use_preset("lenet")
    assert made.words.text() == "Not brought to int8 yet."


def test_fine_tuning_is_not_offered_while_a_training_runs(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    controller.quantization.prepare()
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    assert made.tune_button.isVisible()
    controller.training.choose_data("starter")
    qtbot.waitUntil(lambda: controller.training.data is not None)
    controller.training.start(CONTINUE, TrainConfig(epochs=10_000, batch_size=16, threads=1))
    assert controller.training.is_running
    assert not made.tune_button.isVisible()
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)


def test_fine_tuning_hands_the_focus_to_its_cancel_button(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    controller.quantization.prepare()
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    page = QWidget()
    qtbot.addWidget(page)
    column = QVBoxLayout(page)
    column.addWidget(made)
    column.addWidget(QLineEdit("next in the order of the focus"))
    page.show()
    qtbot.waitUntil(page.isActiveWindow)
    made.tune_button.setFocus()
    qtbot.mouseClick(made.tune_button, LEFT)
    assert made.cancel_button.hasFocus()
    qtbot.mouseClick(made.cancel_button, LEFT)


def test_fine_tuning_gives_the_focus_back_and_offers_the_way_back(
    controller: Controller, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = card(qtbot, controller)
    pretend_before(monkeypatch, 1.0)
    controller.quantization.prepare()
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    before = controller.model
    page = QWidget()
    qtbot.addWidget(page)
    column, name = QVBoxLayout(page), QLineEdit("the name")
    column.addWidget(made)
    column.addWidget(name)
    page.show()
    qtbot.waitUntil(page.isActiveWindow)
    made.tune_button.setFocus()
    qtbot.keyClick(made.tune_button, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    assert made.back_button.hasFocus()
    assert made.words.property("role") == "warning"
    assert "100.00 % before: it is worse now" in made.words.text()
    qtbot.keyClick(made.back_button, Qt.Key.Key_Space)
    assert controller.model is before
    assert not made.back_button.isVisible()
    assert not name.hasFocus()


def test_a_network_with_a_fault_shows_nothing_of_the_one_before(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    controller.quantization.prepare()
    qtbot.waitUntil(lambda: not controller.quantization.is_running)
    controller.edit(remove_layer(controller.model.spec, 0))
    assert "fault" in made.words.text()
    assert not made.tune_button.isVisible()
    assert not made.flips_button.isVisible()
    controller.undo()
    assert "320 test images" in made.words.text()


def test_the_gallery_shows_what_flips(controller: Controller, qtbot: QtBot) -> None:
    made = card(qtbot, controller)
    assert not made.flips_button.isVisible()
    grey, colour = np.zeros((4, 4, 1), np.uint8), np.zeros((6, 5, 3), np.uint8)
    shown = (Flip(grey, "a", "a", "b"), Flip(colour, "a", "b", "a"), Flip(grey, "c", "a", "a long name"))
    controller.quantization.flips = Flips(320, 3, 1, 1, shown)
    controller.quantization.changed.emit()
    qtbot.mouseClick(made.flips_button, LEFT)
    assert made.gallery.isVisible()
    assert [tile.text() for tile in made.gallery.tiles] == ["a → b", "b → a", "a → a long"]
    assert [tile.property("role") for tile in made.gallery.tiles] == [
        "field-error",
        "caption-good",
        "caption",
    ]
    qtbot.mouseClick(made.flips_button, LEFT)
    assert not made.gallery.isVisible()

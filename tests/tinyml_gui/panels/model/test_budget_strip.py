from __future__ import annotations

from pytestqt.qtbot import QtBot

from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import change_layer
from tinyml_gui.panels.board_picker import BoardPicker
from tinyml_gui.panels.model.budget_strip import BudgetStrip


def shown(qtbot: QtBot, controller: Controller) -> BudgetStrip:
    made = BudgetStrip(controller.deployment)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: controller.deployment.fit is not None)
    return made


def test_the_bars_move_while_a_layer_is_edited(controller: Controller, qtbot: QtBot) -> None:
    strip = shown(qtbot, controller)
    before = strip.tiles[0].bar.share
    layers = controller.model.spec.layers
    controller.edit(change_layer(controller.model.spec, 1, layers[1].replace(units=500)))
    qtbot.waitUntil(lambda: strip.tiles[0].bar.share > before)


def test_every_list_of_boards_shows_the_same(controller: Controller, qtbot: QtBot) -> None:
    strip = shown(qtbot, controller)
    other = BoardPicker(controller.deployment)
    qtbot.addWidget(other)
    other.choose("arduino-uno")
    assert strip.picker.choice.name == "arduino-uno"
    qtbot.waitUntil(lambda: "2 KB" in strip.tiles[1].text)

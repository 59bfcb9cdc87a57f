from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QSpinBox
from pytestqt.qtbot import QtBot

from engine.nn.layers import LAYERS
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from tinyml_gui.control.controller import Controller
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.panels.model.panel import ModelPanel


@pytest.fixture
def panel(qtbot: QtBot, controller: Controller) -> ModelPanel:
    made = ModelPanel(controller)
    qtbot.addWidget(made)
    made.resize(720, 660)
    made.show()
    return made


def titles(panel: ModelPanel) -> list[str]:
    return [card.title for card in panel.layers.cards]


def action(panel: ModelPanel, menu: str, data: str) -> QAction:
    found = {a.data(): a for a in getattr(panel, menu).menu().actions()}
    return found[data]


def set_number(panel: ModelPanel, qtbot: QtBot, name: str, number: int) -> None:
    assert panel.form is not None
    spin = panel.form.findChild(QSpinBox, name)
    spin.setFocus()
    spin.selectAll()
    qtbot.keyClicks(spin, str(number))
    qtbot.keyClick(spin, Qt.Key.Key_Return)


def test_a_fault_appears_on_its_card_and_goes_when_fixed(panel: ModelPanel, qtbot: QtBot) -> None:
    last = panel.layers.cards[-1]
    qtbot.mouseClick(panel.layers, Qt.MouseButton.LeftButton, pos=last.geometry().center())
    set_number(panel, qtbot, "units", 7)
    assert "4 classes" in last.fault
    assert not any(card.fault for card in panel.layers.cards[:-1])
    assert panel.form is not None
    assert panel.form.fields["units"].editor.property("state") == "error"
    assert panel.head.figure.text() == ""
    set_number(panel, qtbot, "units", 4)
    assert last.fault == ""
    assert panel.form.fields["units"].editor.property("state") == ""


def test_editing_a_field_changes_the_figures(panel: ModelPanel, controller: Controller, qtbot: QtBot) -> None:
    controller.select(1)
    set_number(panel, qtbot, "units", 8)
    assert controller.model.spec.layers[1].units == 8  # type: ignore[attr-defined]
    assert panel.head.figure.text() == f"{controller.model.spec.parameters:,}"


@pytest.mark.parametrize("kind", LAYERS)
def test_any_layer_can_be_added_behind_the_selected_one(kind: str, panel: ModelPanel) -> None:
    action(panel, "add_button", kind).trigger()
    assert titles(panel)[1] == LAYERS[kind].title
    assert panel.layers.selection == 1
    assert panel.form is not None


def large_model() -> Model:
    return Model.new(PRESETS["mlp-32-32"].build(4), tuple("abcd"), np.random.default_rng(0))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_takes_the_place_and_can_be_undone(
    name: str, panel: ModelPanel, controller: Controller
) -> None:
    controller.state.reset(large_model())
    before = titles(panel)
    action(panel, "preset_button", name).trigger()
    assert len(panel.layers.cards) == len(PRESETS[name].build(4).layers)
    controller.undo()
    assert titles(panel) == before


def test_a_preset_that_does_not_suit_the_images_is_refused(
    panel: ModelPanel, controller: Controller, qtbot: QtBot
) -> None:
    before = controller.model  # of 4×4 pixels
    with qtbot.waitSignal(controller.error) as told:
        action(panel, "preset_button", "tinyml-cnn").trigger()
    assert "does not suit" in told.args[0]
    assert controller.model is before


def test_the_keyboard_selects_moves_and_removes(
    panel: ModelPanel, controller: Controller, qtbot: QtBot
) -> None:
    panel.layers.setFocus()
    qtbot.keyClick(panel.layers, Qt.Key.Key_Down)
    assert controller.state.selection == 1
    assert panel.layers.cards[1].property("state").startswith("selected")
    qtbot.keyClick(panel.layers, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert controller.state.selection == 2
    assert controller.state.document.spec.layers[2].units == 6  # type: ignore[attr-defined]
    qtbot.keyClick(panel.layers, Qt.Key.Key_Delete)
    assert len(panel.layers.cards) == 2
    qtbot.keyClick(panel.layers, Qt.Key.Key_Up)
    qtbot.keyClick(panel.layers, Qt.Key.Key_Up)
    qtbot.keyClick(panel.layers, Qt.Key.Key_Up)
    assert controller.state.selection == 0


def test_the_buttons_move_and_remove(panel: ModelPanel, controller: Controller, qtbot: QtBot) -> None:
    assert not panel.up_button.isEnabled()
    qtbot.mouseClick(panel.down_button, Qt.MouseButton.LeftButton)
    assert titles(panel) == ["Dense", "Flatten", "Dense"]
    assert panel.layers.cards[0].fault
    qtbot.mouseClick(panel.up_button, Qt.MouseButton.LeftButton)
    assert not any(card.fault for card in panel.layers.cards)
    for _ in range(3):
        qtbot.mouseClick(panel.remove_button, Qt.MouseButton.LeftButton)
    assert titles(panel) == []
    assert not panel.remove_button.isEnabled()
    controller.undo()
    assert titles(panel) == ["Dense"]


def test_a_card_can_be_dragged_to_its_place(panel: ModelPanel, controller: Controller, qtbot: QtBot) -> None:
    layers = panel.layers
    start = layers.cards[0].geometry().center()
    end = layers.cards[2].geometry().center() + QPoint(0, 12)
    qtbot.mousePress(layers, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(layers, start + QPoint(0, 30))
    qtbot.mouseMove(layers, end)
    qtbot.mouseRelease(layers, Qt.MouseButton.LeftButton, pos=end)
    assert titles(panel) == ["Dense", "Dense", "Flatten"]
    assert controller.state.selection == 2


def test_a_click_without_a_drag_moves_nothing(
    panel: ModelPanel, controller: Controller, qtbot: QtBot
) -> None:
    qtbot.mouseClick(panel.layers, Qt.MouseButton.LeftButton, pos=panel.layers.cards[1].geometry().center())
    assert controller.state.selection == 1
    assert not controller.is_modified


def test_cards_keep_their_places_when_another_layer_is_selected(
    panel: ModelPanel, controller: Controller, qtbot: QtBot
) -> None:
    before = [card.geometry() for card in panel.layers.cards]
    for index in range(3):
        controller.select(index)
        qtbot.wait(1)
        assert [card.geometry() for card in panel.layers.cards] == before


def test_the_selected_card_is_in_sight(panel: ModelPanel, controller: Controller, qtbot: QtBot) -> None:
    controller.state.reset(large_model())
    controller.use_preset("tinyml-cnn")
    last = len(panel.layers.cards) - 1
    controller.select(last)
    qtbot.waitUntil(lambda: not panel.layers.cards[last].visibleRegion().isEmpty())


def test_cards_keep_their_places_with_the_focus_and_in_another_theme(
    look: Theme, panel: ModelPanel, qtbot: QtBot
) -> None:
    def places() -> list[tuple[int, int, int]]:
        cards = panel.layers.cards
        return [(card.y(), card.height(), card.contentsRect().x()) for card in cards]

    before = places()
    panel.activateWindow()
    panel.layers.setFocus()
    qtbot.waitUntil(lambda: panel.layers.cards[0].property("state") == "selected-focus")
    look.toggle()
    panel.layers.layout().activate()
    assert places() == before
    assert len({(height, x) for _, height, x in before}) == 1

"""While a network has a fault, the page says nothing of the network that was there before."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from engine.record import Metrics, TrainingRecord
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import remove_layer
from tinyml_gui.panels.train.panel import TrainPanel


def test_a_network_with_a_fault_has_no_figures_of_the_one_before(
    train_panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    metrics = Metrics(data="starter", images=100, accuracy=0.995)
    controller.state.replace_model(
        controller.model.replace(record=TrainingRecord(data="starter", metrics=metrics))
    )
    assert train_panel.head.figure.text() == "99.5 %"
    controller.edit(remove_layer(controller.model.spec, 0))
    assert train_panel.head.figure.text() == ""
    assert "fault" in train_panel.choice._start_note.text()
    assert "parameters" not in train_panel.choice._start_note.text()
    controller.undo()
    assert train_panel.head.figure.text() == "99.5 %"

"""What a user does on the Sweep page."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.sweep.panel import SweepPanel


def fill(panel: SweepPanel, units: str = "2, 6", rates: str = "0.1, 0.5, 1.0") -> None:
    for (field, values), path, text in zip(
        panel.definition.fields, ("layers.1.units", "train.learning_rate"), (units, rates), strict=False
    ):
        field.setCurrentIndex(field.findData(path))
        values.setText(text)


def run(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    panel.definition.start_button.click()
    assert controller.sweep.is_running
    qtbot.waitUntil(lambda: not controller.sweep.is_running)

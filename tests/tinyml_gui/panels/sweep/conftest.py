"""The Sweep page with a grid over the small network; its sweeps run in the worker's thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tinyml_gui.control import sweep as sweep_control
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.sweep.panel import SweepPanel
from tinyml_gui.viewmodels.sweep.definition import GRID


@pytest.fixture
def panel(
    qtbot: QtBot, controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SweepPanel:
    monkeypatch.setattr(sweep_control, "usable_cores", lambda: 1)  # in the worker's thread, not in processes
    controller.sweep.folder = tmp_path / "sweeps"
    made = SweepPanel(controller)
    qtbot.addWidget(made)
    made.resize(900, 900)
    made.show()
    qtbot.waitUntil(lambda: controller.training.data is not None)
    made.definition.preset.setCurrentIndex(made.definition.preset.findData(GRID))
    made.definition.epochs.setValue(1)
    return made

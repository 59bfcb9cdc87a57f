"""The Sweep page defines, trains, pauses and stops a sweep, and takes a network into the editor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from engine.training.config import TrainConfig
from tests.tinyml_gui.sweep_page import fill, run
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.sweep.panel import SweepPanel
from tinyml_gui.panels.sweep.sweep_bar import SweepBar
from tinyml_gui.viewmodels.starts import FRESH


def test_the_work_is_said_before_the_start_and_faults_too(panel: SweepPanel) -> None:
    assert "Choose a field" in panel.definition.size_line.text()
    assert not panel.definition.start_button.isEnabled()
    fill(panel)
    assert panel.definition.size_line.text().startswith("6 networks on 320 images")
    assert panel.definition.start_button.isEnabled()
    fill(panel, units="0")
    assert "units" in panel.definition.size_line.text().lower()
    assert not panel.definition.start_button.isEnabled()


def test_a_chosen_field_gets_values_to_begin_with(panel: SweepPanel) -> None:
    field, values = panel.definition.fields[0]
    field.setCurrentIndex(field.findData("layers.1.units"))
    field.activated.emit(field.currentIndex())
    assert values.text() == "3, 6, 12"


def test_a_sweep_fills_all_views_and_its_table_on_disk(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, tmp_path: Path
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    assert panel.table.model().rowCount() == 6
    assert "6 of 6 networks" in panel.status.text()
    assert panel.head.figure.text().endswith("%")
    assert "6 networks" in panel.front.accessibleDescription()
    assert "6 networks" in panel.surface.accessibleDescription()
    assert "6 networks" in panel.parallel.accessibleDescription()
    (table,) = (tmp_path / "sweeps").glob("*.csv")
    assert len(table.read_text(encoding="utf-8").splitlines()) == 7


def test_a_network_comes_into_the_editor_with_its_weights_and_goes_again(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    before = controller.model
    controller.sweep.choose(4)
    panel.load_button.click()
    assert controller.model.spec.layers[1].units == 6
    assert controller.model.trained
    assert controller.model.record.data == "starter"
    assert not np.array_equal(controller.model.params, before.params)
    controller.undo()
    assert controller.model is before


def test_a_network_whose_weights_are_not_at_hand_comes_as_it_was_before_training(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    run(qtbot, panel, controller)  # nothing is left to train; weights are those of this start
    assert controller.sweep.results is not None
    assert controller.sweep.results.work == 0
    controller.sweep.choose(4)
    assert panel.chosen_line.text().endswith("its weights were not kept")
    panel.load_button.click()
    assert not controller.model.trained
    np.testing.assert_array_equal(controller.model.params, controller.sweep.results.runs[4].params())


def test_the_reason_why_nothing_can_be_opened_is_said(panel: SweepPanel) -> None:
    assert not panel.load_button.isEnabled()
    assert panel.load_button.toolTip() == "Choose a network first."


def test_stop_ends_a_long_sweep(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    panel.definition.epochs.setValue(1000)
    panel.definition.start_button.click()
    qtbot.waitUntil(lambda: controller.sweep.results is not None)
    panel.definition.stop_button.click()
    qtbot.waitUntil(lambda: not controller.sweep.is_running)
    assert "0 of 6 networks" in panel.status.text()
    assert panel.definition.start_button.isVisible()


def test_a_paused_sweep_goes_on_when_it_is_resumed(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    bar = SweepBar(controller)
    qtbot.addWidget(bar)
    panel.definition.epochs.setValue(200)
    panel.definition.start_button.click()
    assert bar.text.text() == "Preparing the sweep…"
    qtbot.waitUntil(lambda: controller.sweep.results is not None and controller.sweep.results.epochs > 0)
    panel.definition.pause_button.click()
    assert controller.sweep.is_paused
    assert panel.definition.pause_button.text() == "Resume"
    assert panel.status.text().endswith("paused")
    assert bar.text.text().endswith("paused")
    assert not bar.resume_button.isHidden()
    bar.resumed.emit()
    assert panel.definition.pause_button.text() == "Pause"
    qtbot.waitUntil(lambda: not controller.sweep.is_running)
    assert "6 of 6 networks" in panel.status.text()
    assert bar.isHidden()


def test_a_paused_sweep_can_be_stopped(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    panel.definition.epochs.setValue(1000)
    panel.definition.start_button.click()
    qtbot.waitUntil(lambda: controller.sweep.results is not None)
    panel.definition.pause_button.click()
    panel.definition.stop_button.click()
    assert not panel.definition.pause_button.isEnabled()
    qtbot.waitUntil(lambda: not controller.sweep.is_running)


def test_no_training_begins_while_a_sweep_runs(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    training = controller.training
    fill(panel)
    panel.definition.epochs.setValue(1000)
    panel.definition.start_button.click()
    assert "Sweep page" in training.obstacle(FRESH)
    training.start(FRESH, TrainConfig(batch_size=16))
    assert not training.is_running
    panel.definition.stop_button.click()
    qtbot.waitUntil(lambda: not controller.sweep.is_running)
    assert training.obstacle(FRESH) == ""


def test_no_sweep_begins_while_a_training_runs(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(panel)
    monkeypatch.setattr(type(controller.training), "is_running", True)
    controller.training.changed.emit()
    assert not panel.definition.start_button.isEnabled()
    assert "training is running" in panel.definition.size_line.text()


def test_a_folder_that_cannot_be_written_is_one_sentence(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, tmp_path: Path
) -> None:
    fill(panel)
    (tmp_path / "sweeps").write_text("a file")
    run(qtbot, panel, controller)
    assert "sweeps" in panel.banner.text
    assert not panel.banner.isHidden()

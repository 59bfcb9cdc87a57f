from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QLineEdit, QStackedWidget, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from engine.nn.presets import PRESETS
from engine.record import TrainingRecord
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.train.panel import TrainPanel
from tinyml_gui.panels.train.training_bar import TrainingBar
from tinyml_gui.viewmodels.accuracy import test_accuracy as recorded_accuracy
from tinyml_gui.viewmodels.starts import CONTINUE, FRESH
from tinyml_gui.viewmodels.training import Phase

LEFT = Qt.MouseButton.LeftButton
ENABLED = Qt.ItemFlag.ItemIsEnabled


@pytest.fixture
def panel(train_panel: TrainPanel) -> TrainPanel:
    return train_panel


@pytest.fixture
def bar(qtbot: QtBot, controller: Controller) -> TrainingBar:
    made = TrainingBar(controller)
    qtbot.addWidget(made)
    made.show()
    return made


def phase(controller: Controller) -> Phase:
    return controller.training.run.status.phase


def start(panel: TrainPanel, qtbot: QtBot, **values: object) -> None:
    panel.form.set_values(values)
    qtbot.mouseClick(panel.start_button, LEFT)


def test_start_pause_resume_stop(panel: TrainPanel, controller: Controller, qtbot: QtBot) -> None:
    start(panel, qtbot, epochs=10_000)
    assert phase(controller) is Phase.STARTING  # at once
    assert not panel.start_button.isEnabled()
    qtbot.waitUntil(lambda: phase(controller) is Phase.RUNNING)
    qtbot.mouseClick(panel.pause_button, LEFT)
    assert panel.pause_button.text() == "Resume"
    seen: list[float] = []
    controller.training.changed.connect(lambda: seen.append(controller.training.run.status.progress))
    qtbot.mouseClick(panel.pause_button, LEFT)
    qtbot.waitUntil(lambda: len(set(seen)) > 2)
    qtbot.mouseClick(panel.stop_button, LEFT)
    assert phase(controller) is Phase.STOPPING
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert panel.start_button.isEnabled()
    assert controller.model.trained
    assert controller.can_undo


def test_a_run_learns_is_tested_and_can_be_undone(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    before = controller.model
    start(panel, qtbot, epochs=12)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE, timeout=20_000)
    qtbot.waitUntil(lambda: "320 test images of starter" in panel.head.caption.whole)
    assert recorded_accuracy(controller.model) > 0.9
    assert len(controller.training.run.validation_loss) == 12
    controller.undo()
    assert controller.model is before  # one step, however long it was


def test_parameters_are_published_while_it_runs(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    before = controller.model.params.copy()
    with qtbot.waitSignal(controller.params_published):
        start(panel, qtbot, epochs=10_000)
    assert controller.training.is_running
    assert not np.array_equal(controller.model.params, before)
    assert not controller.can_undo
    controller.use_preset("lenet")
    assert controller.model.spec == spot_model().spec  # not changed under the trainer
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)


def test_a_diverging_run_says_so_and_keeps_usable_parameters(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    controller.state.reset(spot_model(activation="linear"))
    start(panel, qtbot, epochs=50, learning_rate=100.0)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DIVERGED)
    qtbot.waitUntil(lambda: not controller.training.is_running)
    assert "learning rate" in panel.banner.text
    assert "The parameters that the run began with were kept; their accuracy is" in panel.banner.text
    assert panel.banner.property("state") == "error"
    assert np.all(np.isfinite(controller.model.params))
    again = TrainPanel(controller)
    qtbot.addWidget(again)
    assert again.config().learning_rate < 1  # what diverged is not proposed again
    controller.use_preset("mlp-32-32")
    assert not panel.banner.isVisible()  # it was about another network


def test_a_value_that_is_not_allowed_stops_the_start(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    edit = panel.form.findChild(QLineEdit, "learning_rate")
    edit.setText("fast")
    qtbot.mouseClick(panel.start_button, LEFT)
    assert not controller.training.is_running
    assert "Learning rate" in panel.form.error_label.text()


def test_a_fault_that_only_the_trainer_finds_is_shown_on_the_page(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    start(panel, qtbot, batch_size=4096)
    qtbot.waitUntil(lambda: phase(controller) is Phase.FAILED)
    assert "4096" in panel.banner.text


def test_another_optimizer_proposes_its_rate(panel: TrainPanel, qtbot: QtBot) -> None:
    combo = panel.form.findChild(QComboBox, "optimizer")
    for index in reversed(range(combo.count())):
        combo.setCurrentIndex(index)
        assert panel.form.values()["learning_rate"] == OPTIMIZERS[combo.currentData()].default_rate


def test_other_classes_are_told_and_the_model_adapts(
    panel: TrainPanel, controller: Controller, catalogue: TinyCatalogue, qtbot: QtBot
) -> None:
    catalogue.sets["six"] = spots(classes=6, name="six")
    controller.training.choose_data("six")
    qtbot.waitUntil(lambda: controller.training.data is not None)
    assert panel.banner.text.startswith("six has 6 classes (a b c d e f), but the model knows 4 (a b c d);")
    assert not panel.start_button.isEnabled()
    assert panel.banner.button.text() == "Adapt the model to 6 classes"
    qtbot.mouseClick(panel.banner.button, LEFT)
    assert controller.model.classes == tuple("abcdef")
    assert not panel.banner.isVisible()
    assert panel.start_button.isEnabled()


def test_a_preset_makes_a_new_network_for_the_data(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    panel.start_combo.setCurrentIndex(panel.start_combo.findData("genann-2x19"))
    panel.start_combo.activated.emit(panel.start_combo.currentIndex())
    assert panel.more_form.values()["loss"] == PRESETS["genann-2x19"].loss
    start(panel, qtbot, epochs=1)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert controller.model.spec == PRESETS["genann-2x19"].build(4, (4, 4, 1))
    assert panel.start_combo.currentIndex() == 0


def test_from_scratch_draws_new_parameters(controller: Controller, panel: TrainPanel, qtbot: QtBot) -> None:
    before = controller.model
    panel.start_combo.setCurrentIndex(panel.start_combo.findData(FRESH))
    start(panel, qtbot, epochs=10_000)
    assert controller.model.spec == before.spec
    assert not np.array_equal(controller.model.params, before.params)


def test_a_folder_without_data_gives_one_sentence_and_no_dead_page(
    panel: TrainPanel, controller: Controller, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    panel.data_combo.setCurrentIndex(panel.data_combo.count() - 1)
    panel.data_combo.activated.emit(panel.data_combo.count() - 1)
    qtbot.waitUntil(lambda: bool(controller.training.data_error))
    assert str(tmp_path) in panel.banner.text
    assert panel.data_combo.currentData() == str(tmp_path)
    panel.data_combo.setCurrentIndex(0)
    panel.data_combo.activated.emit(0)
    qtbot.waitUntil(lambda: controller.training.data is not None)
    assert not panel.banner.isVisible()


def test_data_are_read_on_the_worker(panel: TrainPanel, catalogue: TinyCatalogue) -> None:
    import threading

    assert catalogue.loaded_on
    assert threading.get_ident() not in catalogue.loaded_on


def test_settings_of_the_run_are_remembered(panel: TrainPanel, controller: Controller, qtbot: QtBot) -> None:
    panel.augment_form.set_values({"shift": 2.0})
    start(panel, qtbot, epochs=10_000, optimizer="adam", learning_rate=0.002)
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)
    again = TrainPanel(controller)
    qtbot.addWidget(again)
    assert again.config() == panel.config()


@pytest.mark.parametrize("kept", ["{", "[]", '{"epochs": -1}', '{"colour": 1}', '{"augmentation": 3}'])
def test_settings_of_another_version_do_no_harm(kept: str, controller: Controller, qtbot: QtBot) -> None:
    controller.settings.set_text("train_config", kept)
    again = TrainPanel(controller)
    qtbot.addWidget(again)
    assert again.config().epochs >= 1


def test_the_bar_steers_the_run_from_every_page(
    panel: TrainPanel, bar: TrainingBar, controller: Controller, qtbot: QtBot
) -> None:
    assert bar.text.text() == ""
    assert not bar.stop_button.isVisible()
    start(panel, qtbot, epochs=10_000)
    qtbot.waitUntil(lambda: "epoch" in bar.text.text())
    qtbot.mouseClick(bar.pause_button, LEFT)
    assert bar.text.text().startswith("Paused")
    qtbot.mouseClick(bar.resume_button, LEFT)
    assert phase(controller) is Phase.RUNNING
    qtbot.mouseClick(bar.stop_button, LEFT)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert bar.text.text() == ""


def test_another_model_ends_the_run(panel: TrainPanel, controller: Controller, qtbot: QtBot) -> None:
    start(panel, qtbot, epochs=10_000)
    qtbot.waitUntil(lambda: phase(controller) is Phase.RUNNING)
    controller.new_from_preset("mlp-32-32")
    fresh = controller.model
    assert phase(controller) is Phase.IDLE
    controller.training.choose_data("starter")
    start(panel, qtbot, epochs=1)  # waits for the worker to be free
    assert controller.model is fresh
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert controller.training.run.status.epoch == 1  # nothing of the abandoned run came later
    assert controller.model.spec == fresh.spec


def test_choosing_twice_reads_what_was_chosen_last(
    panel: TrainPanel, controller: Controller, catalogue: TinyCatalogue, qtbot: QtBot
) -> None:
    catalogue.sets |= {"six": spots(classes=6, name="six"), "five": spots(classes=5, name="five")}
    controller.training.choose_data("six")
    controller.training.choose_data("five")
    qtbot.waitUntil(lambda: not controller.training.loading)
    assert controller.training.data is catalogue.sets["five"]


def test_data_sets_that_are_not_there_are_listed_but_cannot_be_chosen(panel: TrainPanel) -> None:
    combo = panel.data_combo
    states = {
        combo.itemData(i): bool(combo.model().index(i, 0).flags() & ENABLED) for i in range(combo.count())
    }
    assert states == {"starter": True, "download:mnist": True, "emnist": False, "": True}


def test_undo_is_off_while_training_and_the_window_is_told(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    seen: list[bool] = []
    controller.use_preset("mlp-32-32")
    controller.model_changed.connect(lambda: seen.append(controller.can_undo))
    start(panel, qtbot, epochs=1)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert seen[0] is False
    assert seen[-1] is True


def test_a_bug_while_training_reaches_the_crash_dialog_and_the_model_stays(
    panel: TrainPanel, controller: Controller, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyml_gui.background import jobs

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("a bug")

    before = controller.model
    monkeypatch.setattr(jobs, "Trainer", broken)
    with qtbot.captureExceptions() as caught:
        start(panel, qtbot, epochs=1)
        qtbot.waitUntil(lambda: bool(caught))
    assert phase(controller) is Phase.FAILED
    assert controller.model is before
    assert panel.start_button.isEnabled()


def test_a_stopped_run_is_offered_on_the_page_and_goes_on(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    start(panel, qtbot, epochs=5000)
    asked = panel.config()
    qtbot.waitUntil(lambda: controller.training.run.status.epoch > 1)
    assert not panel.resume_banner.isVisible()
    qtbot.mouseClick(panel.stop_button, LEFT)
    qtbot.waitUntil(panel.resume_banner.isVisible)
    banner = panel.resume_banner
    assert "of 5000)" in banner.button.text()
    panel.form.set_values({"epochs": 7, "optimizer": "adam"})
    panel.more_form.set_values({"averaging": 0.5})
    panel.augment_form.set_values({"shift": 3.0})
    qtbot.mouseClick(banner.button, LEFT)
    qtbot.waitUntil(lambda: phase(controller) is Phase.RUNNING)
    assert not banner.isVisible()
    assert panel.config() == asked  # what goes on is what is shown
    qtbot.mouseClick(panel.stop_button, LEFT)
    qtbot.waitUntil(banner.isVisible)
    qtbot.mouseClick(banner.decline_button, LEFT)
    assert not banner.isVisible()
    assert controller.training.interrupted is None


def test_the_loss_axis_leaves_the_first_steep_part_out(panel: TrainPanel, controller: Controller) -> None:
    run = controller.training.run
    run.start(TrainConfig(epochs=1))
    for step in range(400):
        run.train_loss.append(step / 400, 30.0 if step < 5 else 0.1)
    panel.curves.show_run(run)
    assert panel.curves.loss._range[2] < 1.0


def test_the_focus_follows_the_run(panel: TrainPanel, controller: Controller, qtbot: QtBot) -> None:
    panel.activateWindow()
    start(panel, qtbot, epochs=5000)
    assert panel.focusWidget() is panel.pause_button
    qtbot.waitUntil(lambda: phase(controller) is Phase.RUNNING)
    qtbot.mouseClick(panel.stop_button, LEFT)
    qtbot.waitUntil(lambda: not controller.training.is_running)
    assert panel.focusWidget() is panel.start_button


def test_a_run_that_ends_while_its_page_is_hidden_leaves_the_focus_on_a_page(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    window, outside, pages, other = QWidget(), QLineEdit(), QStackedWidget(), QLineEdit()
    qtbot.addWidget(window)
    column = QVBoxLayout(window)
    for widget in (outside, pages):
        column.addWidget(widget)
    for widget in (panel, other):
        pages.addWidget(widget)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    start(panel, qtbot, epochs=5000)
    qtbot.waitUntil(panel.pause_button.hasFocus)
    pages.setCurrentWidget(other)
    assert other.hasFocus()
    qtbot.waitUntil(lambda: phase(controller) is Phase.RUNNING)
    controller.training.stop()
    qtbot.waitUntil(lambda: not controller.training.is_running)
    pages.setCurrentWidget(panel)
    assert panel.isAncestorOf(window.focusWidget())
    panel.setParent(None)  # it is closed by itself


def test_what_was_trained_elsewhere_starts_anew_unless_asked_otherwise(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    controller.state.reset(spot_model().replace(record=TrainingRecord(data="mnist")))
    panel.choice.propose()
    assert panel.choice.start == FRESH
    full = panel.config().learning_rate
    panel.start_combo.setCurrentIndex(panel.start_combo.findData(CONTINUE))
    panel.start_combo.activated.emit(panel.start_combo.currentIndex())
    assert panel.config().learning_rate == pytest.approx(full / 10)
    start(panel, qtbot, epochs=1)
    qtbot.waitUntil(lambda: phase(controller) is Phase.DONE)
    assert controller.model.record.pretrained_on == ("mnist",)
    assert "in its training" in panel.head.caption.whole
    controller.new_from_preset("mlp-32-32")
    assert panel.choice.start == CONTINUE
    assert panel.head.figure.text() == ""


def test_text_that_is_no_number_keeps_training_from_starting_until_it_is_one(
    panel: TrainPanel, qtbot: QtBot
) -> None:
    edit = panel.form.findChild(QLineEdit, "learning_rate")
    edit.selectAll()
    qtbot.keyClicks(edit, "fast")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert not panel.start_button.isEnabled()
    assert "Learning rate" in panel.start_button.toolTip()
    edit.selectAll()
    qtbot.keyClicks(edit, "0.1")
    assert panel.start_button.isEnabled()
    assert panel.start_button.toolTip() == ""

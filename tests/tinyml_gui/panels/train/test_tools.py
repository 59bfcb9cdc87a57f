"""What stands beside the fields of the training page: finding a rate, and showing what augmentation does."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from engine.training.config import TrainConfig
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.train.augment_preview import COUNT
from tinyml_gui.panels.train.panel import TrainPanel
from tinyml_gui.viewmodels.training import Phase

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(train_panel: TrainPanel) -> TrainPanel:
    return train_panel


def test_finding_a_rate_draws_suggests_and_sets_it(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    before, rates = controller.model, controller.training.rates
    finder = panel.rate_finder
    assert not finder.isVisible()
    qtbot.mouseClick(panel.find_button, LEFT)
    assert finder.isVisible()  # at once
    assert not panel.find_button.isEnabled()
    qtbot.waitUntil(lambda: rates.suggestion is not None, timeout=20_000)
    assert len(rates.points) > 20
    assert finder._curve.getData()[0][0] == pytest.approx(-5, abs=0.5)  # log10 of the first rate
    assert controller.model is before
    suggested = rates.suggestion
    qtbot.mouseClick(finder.use_button, LEFT)
    assert panel.config().learning_rate == pytest.approx(suggested)
    assert not finder.isVisible()


def test_finding_a_rate_can_be_cancelled_and_training_goes_before_it(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    rates = controller.training.rates
    qtbot.mouseClick(panel.find_button, LEFT)
    qtbot.mouseClick(panel.rate_finder.close_button, LEFT)
    assert not rates.is_running
    assert not panel.rate_finder.isVisible()
    qtbot.mouseClick(panel.find_button, LEFT)
    panel.form.set_values({"epochs": 1})
    qtbot.mouseClick(panel.start_button, LEFT)
    assert not rates.is_running
    qtbot.waitUntil(lambda: controller.training.run.status.phase is Phase.DONE)
    assert rates.suggestion is None


def test_a_rate_cannot_be_found_for_an_absurd_batch(panel: TrainPanel, qtbot: QtBot) -> None:
    panel.form.set_values({"batch_size": 4096})
    qtbot.mouseClick(panel.find_button, LEFT)
    qtbot.waitUntil(lambda: "4096" in panel.rate_finder._words.text())
    assert not panel.rate_finder.use_button.isVisible()


def test_a_rate_is_found_for_a_preset_without_taking_it(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    before = controller.model
    panel.start_combo.setCurrentIndex(panel.start_combo.findData("mlp-32-32"))
    panel.start_combo.activated.emit(panel.start_combo.currentIndex())
    qtbot.mouseClick(panel.find_button, LEFT)
    qtbot.waitUntil(lambda: controller.training.rates.suggestion is not None, timeout=20_000)
    assert controller.model is before


def test_the_preview_follows_the_augmentation(panel: TrainPanel, qtbot: QtBot) -> None:
    preview = panel.more.preview
    assert preview.count == 0  # nothing is drawn that nobody sees
    qtbot.mouseClick(panel.more_button, LEFT)
    qtbot.waitUntil(lambda: preview.count == COUNT)
    plain = preview._tiles
    edit = panel.augment_form.findChild(QLineEdit, "shift")
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "2")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: preview._tiles != plain)
    shifted = preview._tiles
    qtbot.mouseClick(panel.more.others_button, LEFT)
    assert preview._tiles != shifted
    others = preview._tiles
    panel.more.show_settings(TrainConfig())  # as when a run is resumed
    qtbot.waitUntil(lambda: preview._tiles not in (others, shifted))


def test_with_all_settings_open_a_start_brings_what_it_leads_to_into_view(
    panel: TrainPanel, controller: Controller, qtbot: QtBot
) -> None:
    def in_view(widget: QWidget) -> bool:
        return not widget.visibleRegion().isEmpty()

    panel.resize(720, 420)
    panel.more_button.setChecked(True)
    qtbot.waitUntil(lambda: not in_view(panel.curves))
    panel.form.set_values({"batch_size": 4000, "epochs": 10_000})
    qtbot.mouseClick(panel.start_button, LEFT)
    qtbot.waitUntil(lambda: in_view(panel.banner))
    assert "4000" in panel.banner.text
    panel.form.set_values({"batch_size": 16})
    qtbot.mouseClick(panel.start_button, LEFT)
    qtbot.waitUntil(lambda: in_view(panel.curves))
    assert controller.training.is_running

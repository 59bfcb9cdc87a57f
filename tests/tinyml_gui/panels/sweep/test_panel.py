"""The Sweep page trains a grid, shows it in linked views, and takes a network into the editor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.sweep.results_file import table_claimed
from engine.training.config import TrainConfig
from tests.tinyml_gui.tiny import TinyCatalogue, spots
from tinyml_gui.control import sweep as sweep_control
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.sweep.chart import Chart
from tinyml_gui.panels.sweep.panel import SweepPanel
from tinyml_gui.panels.sweep.sweep_bar import SweepBar
from tinyml_gui.viewmodels.starts import FRESH
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


def shown_in_table(panel: SweepPanel) -> str:
    """Return the settings of the row that is selected."""
    (index,) = panel.table.selectionModel().selectedRows()
    return str(index.data())


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


def test_a_choice_in_one_view_is_one_in_all(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    map_ = panel.heat_map
    corner = QPoint(map_.width() - 4, 4)  # the last rate, the first number of units
    QTest.mouseClick(map_, Qt.MouseButton.LeftButton, pos=corner)
    assert controller.sweep.chosen == 2
    assert panel.chosen_line.text() == "units 2, learning rate 1"
    assert shown_in_table(panel) == "units 2, learning rate 1"
    QTest.keyClick(map_, Qt.Key.Key_Down)
    assert controller.sweep.chosen == 5
    panel.table.selectRow(0)
    results, chosen = controller.sweep.results, controller.sweep.chosen
    assert results is not None
    assert chosen == results.best
    for view in (panel.heat_map, panel.front, panel.surface, panel.parallel):
        assert view.number == chosen


def test_the_table_sorts_by_any_column_and_keeps_the_selection(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    controller.sweep.choose(3)
    for column in range(panel.table.model().columnCount()):
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            panel.table.sortByColumn(column, order)
            assert shown_in_table(panel) == "units 6, learning rate 0.1"
    assert controller.sweep.chosen == 3
    panel.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    model = panel.table.model()
    assert model.index(0, 0).data() == "units 2, learning rate 0.1"
    panel.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    shown = [float(model.index(at, 1).data().rstrip(" %")) for at in range(6)]
    assert shown == sorted(shown, reverse=True)


def middle(view: Chart, number: int) -> QPoint:
    """Return a point at which a view gives a run, as a user would look for it."""
    places = (QPoint(x, y) for y in range(2, view.height(), 3) for x in range(2, view.width(), 3))
    return next(place for place in places if view.number_at(QPointF(place)) == number)


def test_a_click_chooses_in_every_chart(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    best = controller.sweep.results.best if controller.sweep.results else None
    assert best is not None
    for view in (panel.front, panel.surface, panel.parallel, panel.heat_map):
        controller.sweep.choose(None)
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=middle(view, best))
        assert controller.sweep.chosen == best, view.accessibleName()


def test_arrows_go_along_the_networks(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    for view in (panel.front, panel.parallel):
        controller.sweep.choose(None)
        seen = set()
        for _ in range(6):
            QTest.keyClick(view, Qt.Key.Key_Right)
            seen.add(controller.sweep.chosen)
        assert len(seen) == 6


def test_a_drag_turns_the_surface_and_chooses_nothing(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    view = panel.surface
    before, from_here = view.side, view.rect().center()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=from_here)
    QTest.mouseMove(view, from_here + QPoint(40, 20))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=from_here + QPoint(40, 20))
    assert view.side == before.turned(20, 10)
    assert controller.sweep.chosen is None
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.side == before.turned(10, 10)


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.csv", b"Run,"), ("a", b"<?xml")]
)
def test_charts_are_saved(
    name: str,
    start: bytes,
    qtbot: QtBot,
    panel: SweepPanel,
    controller: Controller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not any(card.save_button.isEnabled() for card in panel.cards)
    fill(panel)
    run(qtbot, panel, controller)
    told: list[str] = []
    controller.message.connect(told.append)
    for at, card in enumerate(panel.cards):
        path = tmp_path / str(at) / name
        path.parent.mkdir()
        answer = str(path), "Drawing (*.svg)"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given, answer=answer: answer)
        card.save_button.click()
        qtbot.waitUntil(lambda: len(told) > at)  # noqa: B023 - called at once
        (written,) = path.parent.iterdir()
        assert written.suffix == (path.suffix or ".svg")
        assert written.read_bytes().startswith(start)


def test_a_chart_that_cannot_be_saved_is_one_sentence(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    answer = str(tmp_path / "missing" / "a.png"), ""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: answer)
    panel.cards[0].save_button.click()
    qtbot.waitUntil(lambda: not panel.banner.isHidden())
    assert "missing" in panel.banner.text


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


def test_a_sweep_that_was_stopped_goes_on_where_it_was(
    qtbot: QtBot, panel: SweepPanel, controller: Controller
) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    table = next(controller.sweep.folder.glob("*.csv"))
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:4]), encoding="utf-8")  # as if three of six had ended
    run(qtbot, panel, controller)
    assert controller.sweep.results is not None
    assert controller.sweep.results.work == 3
    assert controller.sweep.results.done == 6
    assert len(table.read_text(encoding="utf-8").splitlines()) == 7


def cut(folder: Path, rows: int) -> Path:
    """Leave so many rows of the only table, as if the others had not ended; return its path."""
    (table,) = folder.glob("*.csv")
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[: 1 + rows]), encoding="utf-8")
    return table


@pytest.fixture
def later(
    qtbot: QtBot, panel: SweepPanel, controller: Controller, settings: Settings, catalogue: TinyCatalogue
) -> Iterator[SweepPanel]:
    """The page of another start of the program, after a sweep of which four of six networks ended."""
    fill(panel)
    run(qtbot, panel, controller)
    cut(controller.sweep.folder, 4)
    other = Controller(settings, catalogue, np.random.default_rng(4))
    other.sweep.folder = controller.sweep.folder
    made = SweepPanel(other)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: bool(other.sweep.earlier) and other.training.data is not None)
    yield made
    other.shutdown()


def choose_earlier(panel: SweepPanel) -> None:
    combo = panel.definition.preset
    combo.setCurrentIndex(combo.count() - 1)
    combo.activated.emit(combo.currentIndex())


def test_a_sweep_of_an_earlier_start_goes_on(qtbot: QtBot, later: SweepPanel, controller: Controller) -> None:
    choose_earlier(later)
    words = "Earlier: grid, units × learning rate, 1 epochs on starter, 4 of 6 networks"
    assert later.definition.preset.currentText() == words
    assert later.definition.start_button.text() == "Go on"
    assert not later.definition.epochs.isEnabled()
    sweep = later._control
    run(qtbot, later, later._controller)
    assert sweep.results is not None
    assert (sweep.results.work, sweep.results.done) == (2, 6)
    qtbot.waitUntil(lambda: later.definition.preset.currentText().endswith("6 of 6 networks"))
    later.definition.show_state()
    assert later.definition.start_button.text() == "Show"


def test_an_earlier_sweep_on_other_images_is_refused_and_stays_whole(
    qtbot: QtBot, later: SweepPanel, controller: Controller
) -> None:
    (table,) = controller.sweep.folder.glob("*.csv")
    before = table.read_bytes()
    choose_earlier(later)
    later._controller.training.data = spots(count=160)
    run(qtbot, later, later._controller)
    assert "has changed since this sweep began" in later.banner.text
    assert table.read_bytes() == before
    assert len(list(controller.sweep.folder.glob("*.csv"))) == 1


def test_two_windows_do_not_write_the_same_table(
    qtbot: QtBot, later: SweepPanel, controller: Controller
) -> None:
    (table,) = controller.sweep.folder.glob("*.csv")
    choose_earlier(later)
    with table_claimed(table):
        run(qtbot, later, later._controller)
    assert "another sweep is writing to it" in later.banner.text
    run(qtbot, later, later._controller)
    assert later._control.results is not None


def test_what_else_lies_in_the_folder_is_not_offered(
    qtbot: QtBot, controller: Controller, tmp_path: Path
) -> None:
    controller.sweep.folder = tmp_path
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"sweep": {"model": 3}, "data": "starter"}')):
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "d.json").mkdir()
    with qtbot.waitSignal(controller.sweep.listed):
        controller.sweep.look()
    assert controller.sweep.earlier == ()


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

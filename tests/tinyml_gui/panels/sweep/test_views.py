"""One selection goes through all views of a sweep; charts are turned, walked along and saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.tinyml_gui.sweep_page import fill, run
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.sweep.panel import SweepPanel
from tinyml_gui.panels.views.chart import Chart


def shown_in_table(panel: SweepPanel) -> str:
    """Return the settings of the row that is selected."""
    (index,) = panel.table.selectionModel().selectedRows()
    return str(index.data())


def test_a_choice_in_one_view_is_one_in_all(qtbot: QtBot, panel: SweepPanel, controller: Controller) -> None:
    fill(panel)
    run(qtbot, panel, controller)
    map_ = panel.heat_map
    QTest.mouseClick(map_, Qt.MouseButton.LeftButton, pos=middle(map_, 2))
    assert controller.sweep.chosen == 2  # the last rate, the first number of units
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
    places = (QPoint(x, y) for y in range(2, view.height(), 7) for x in range(2, view.width(), 7))
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


SAVED = [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.csv", b"Run,"), ("a", b"<?xml")]


def test_charts_are_saved(
    qtbot: QtBot,
    panel: SweepPanel,
    controller: Controller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each in another way; a name without a suffix gets that of the kind that was chosen."""
    assert not any(card.save_button.isEnabled() for card in panel.cards)
    fill(panel)
    run(qtbot, panel, controller)
    for card, (name, start) in zip(panel.cards, SAVED, strict=True):
        path = tmp_path / str(len(name)) / name
        path.parent.mkdir(exist_ok=True)
        answer = str(path), "Drawing (*.svg)"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given, answer=answer: answer)
        with qtbot.waitSignal(controller.message) as told:
            card.save_button.click()
        written = path if path.suffix else path.with_suffix(".svg")
        assert told.args == [f"Saved as {written.name}"]
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

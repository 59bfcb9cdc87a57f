"""The Evaluate page: evaluate, choose cells, look at images, put one on the canvas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.training.config import TrainConfig
from tests.tinyml_gui.evaluations import assessed
from tests.tinyml_gui.tiny import spot_model, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.evaluate.panel import EvaluatePanel
from tinyml_gui.viewmodels.evaluation import Selection
from tinyml_gui.viewmodels.starts import CONTINUE


@pytest.fixture
def panel(qtbot: QtBot, controller: Controller) -> EvaluatePanel:
    made = EvaluatePanel(controller)
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitUntil(lambda: controller.training.data is not None)
    return made


@pytest.fixture
def train_a_little(qtbot: QtBot, panel: EvaluatePanel, controller: Controller) -> Callable[[], None]:
    def train() -> None:
        controller.training.start(CONTINUE, TrainConfig(epochs=1, batch_size=16, threads=1))
        qtbot.waitUntil(lambda: not controller.training.is_running)

    return train


@pytest.fixture
def evaluated(qtbot: QtBot, panel: EvaluatePanel, controller: Controller) -> EvaluatePanel:
    """The page with answers of which 20 are wrong: five of each class are taken for the next one."""
    controller.evaluation.result = assessed()
    controller.evaluation.changed.emit()
    controller.evaluation.selected.emit()
    return panel


def test_a_trained_network_is_evaluated_on_the_test_images(
    qtbot: QtBot, panel: EvaluatePanel, controller: Controller, train_a_little: Callable[[], None]
) -> None:
    train_a_little()
    qtbot.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: controller.evaluation.result is not None)
    result = controller.evaluation.result
    assert result is not None
    answers = controller.model.spec.classes
    assert result.found.probabilities.shape == (320, answers)
    assert panel.head.figure.text() == f"{100 * result.found.accuracy:.2f} %"
    assert panel.classes.rowCount() == answers
    assert panel.images.count == len(result.found.mistakes())
    assert not controller.evaluation.is_outdated


def test_a_network_that_is_not_trained_is_not_evaluated(panel: EvaluatePanel, controller: Controller) -> None:
    controller._take(spot_model(), None)
    assert not panel.start_button.isEnabled()
    assert "not trained yet" in panel.start_button.toolTip()


def test_a_cell_lists_its_images(evaluated: EvaluatePanel, controller: Controller) -> None:
    assert evaluated.images.count == 20
    assert evaluated.selection_line.text() == "All 20 mistakes, the surest first"
    evaluated.matrix.choose(1)
    assert controller.evaluation.selection == Selection(0, 1)
    assert evaluated.selection_line.text() == "20 images of a taken for b"
    QTest.keyClick(evaluated.matrix, Qt.Key.Key_Down)
    assert evaluated.matrix.number == 5
    assert evaluated.selection_line.text().startswith("80 images of b classified rightly")
    assert evaluated.matrix.accessibleDescription() == evaluated.selection_line.text()
    evaluated.all_button.click()
    assert evaluated.matrix.number is None
    assert evaluated.images.count == 20


def test_a_click_chooses_the_cell_below_it(evaluated: EvaluatePanel) -> None:
    cell = evaluated.matrix._cell(2, 3).center().toPoint()
    QTest.mouseClick(evaluated.matrix, Qt.MouseButton.LeftButton, pos=cell)
    assert evaluated.matrix.number == 11
    QTest.mouseClick(evaluated.matrix, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert evaluated.matrix.number == 11


def test_a_row_of_the_table_lists_the_mistakes_of_its_class(evaluated: EvaluatePanel) -> None:
    evaluated.classes.sortByColumn(3, Qt.SortOrder.DescendingOrder)  # the worst class comes last
    evaluated.classes.selectRow(3)
    assert evaluated.selection_line.text() == "All 20 mistakes of a, the surest first"
    evaluated.classes.selectRow(0)
    assert evaluated.selection_line.text().endswith("is classified wrongly")


def test_an_image_comes_onto_the_canvas(
    evaluated: EvaluatePanel, controller: Controller, qtbot: QtBot
) -> None:
    assert not evaluated.canvas_button.isEnabled()
    evaluated.images.choose(0)
    assert evaluated.image_line.text() == "Image 1: a taken for b, 85.0 % sure"
    with qtbot.waitSignal(controller.pictures.read) as read:
        evaluated.canvas_button.click()
    np.testing.assert_array_equal(read.args[0], spots().images[0, ..., 0])


def test_orders_and_shares_are_shown(evaluated: EvaluatePanel) -> None:
    evaluated.order.setCurrentIndex(1)
    evaluated.cells.setCurrentIndex(1)
    matrix = evaluated._matrix()
    assert matrix is not None
    assert matrix.names[0] in {"a", "b"}
    assert matrix.text(0, 0).endswith(".0")


def test_bars_say_how_often_it_is_right(evaluated: EvaluatePanel) -> None:
    assert evaluated.reliability_line.text() == "Probabilities are off by 8.7 % on average"
    QTest.keyClick(evaluated.reliability, Qt.Key.Key_Right)
    assert evaluated.reliability_line.text() == "320 images with 80.0 % to 86.7 %: 93.8 % of them are right"


def test_what_does_not_fit_is_told_and_the_last_result_stays(
    qtbot: QtBot, evaluated: EvaluatePanel, controller: Controller, train_a_little: Callable[[], None]
) -> None:
    train_a_little()
    assert "has changed since" in evaluated.status.text()
    before = controller.evaluation.result
    controller.training.catalogue.sets["starter"] = spots(classes=3)  # type: ignore[attr-defined]
    controller.evaluation.start(int8=False)
    qtbot.waitUntil(lambda: not controller.evaluation.is_running)
    assert "does not fit the data" in evaluated.banner.text
    assert controller.evaluation.result is before

"""The window as a whole: nothing is cut off, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense
from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import change_layer
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.model.panel import ModelPanel
from tinyml_gui.panels.pages import PAGES


@pytest.fixture
def window(qtbot: QtBot, settings: Settings, look: Theme) -> Iterator[MainWindow]:
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made = MainWindow(controller, settings, look)
    qtbot.addWidget(made, before_close_func=lambda _: controller.state.mark_saved())
    made.show()
    yield made
    controller.shutdown()


@pytest.mark.parametrize("page", range(len(PAGES)))
def test_no_page_is_wider_than_its_place(window: MainWindow, page: int) -> None:
    for size in ((960, 640), (1024, 700), (1440, 900)):
        window.resize(*size)
        window.show_page(page)
        QApplication.processEvents()
        for more in window.pages.currentWidget().findChildren(QScrollArea):
            assert more.widget().minimumSizeHint().width() <= more.viewport().width(), size
        holder = window.pages.currentWidget()
        assert holder.minimumSizeHint().width() <= window.pages.width(), size
        assert window.width() == size[0]


def test_a_dropped_model_is_opened_wherever_it_falls(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "spots.tinyml"
    model_file.save(spot_model(), path)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, none, left = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, left, none)
    QApplication.sendEvent(window.draw_panel.canvas, enter)
    assert enter.isAccepted()  # by the window, as the canvas takes images only
    assert window.centralWidget().property("state") == "target"
    QApplication.sendEvent(window, QDropEvent(QPointF(9, 9), copy, data, left, none))
    assert window.centralWidget().property("state") == ""
    qtbot.waitUntil(lambda: window.controller.path == path)


def test_undo_reaches_the_document_from_a_spin_box(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    controller.state.reset(spot_model())
    controller.select(1)
    panel = window.pages.currentWidget().findChild(ModelPanel)
    assert panel is not None
    box = panel.form.fields["units"].editor
    window.activateWindow()
    box.setFocus()
    qtbot.waitUntil(box.hasFocus)
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert controller.model.spec.layers[1].units == 7
    QTest.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert controller.model.spec.layers[1].units == 6
    QTest.keyClick(box, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert controller.model.spec.layers[1].units == 7


def test_a_file_error_goes_with_the_next_file_that_can_be_used(window: MainWindow, tmp_path: Path) -> None:
    good, controller = tmp_path / "good.tinyml", window.controller
    model_file.save(spot_model(), good)
    for work in (controller.open_file, controller.save_file):
        window.files.open(tmp_path / "none.tinyml")
        assert "none.tinyml" in window.messages.message
        work(good)
        assert "none.tinyml" not in window.messages.message


def test_a_network_with_a_fault_gives_no_answer(window: MainWindow) -> None:
    controller, panel = window.controller, window.draw_panel
    controller.edit(change_layer(controller.model.spec, 0, Dense(3)))
    assert controller.state.document.fault is not None
    assert "fault" in panel.sentence_label.text()
    controller.undo()
    assert "fault" not in panel.sentence_label.text()


def test_fields_keep_their_height_when_a_layer_has_a_fault(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    panel = window.pages.currentWidget().findChild(ModelPanel)
    assert panel is not None
    convolutions = [i for i, layer in enumerate(controller.model.spec.layers) if hasattr(layer, "padding")]
    index = convolutions[-1]
    controller.select(index)
    QApplication.processEvents()
    heights = [field.editor.height() for field in panel.form.fields.values()]
    layer = controller.model.spec.layers[index].replace(kernel=15, padding="valid")
    controller.edit(change_layer(controller.model.spec, index, layer))
    QApplication.processEvents()
    assert controller.state.document.fault is not None
    assert [field.editor.height() for field in panel.form.fields.values()] == heights
    assert panel._fields_hint.whole

"""The window as a whole: nothing is cut off, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QScrollArea, QSlider, QWidget
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense
from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import change_layer
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.model.layer_card import LayerList
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


def test_a_dropped_picture_is_drawn_and_a_bad_one_refused(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    canvas = window.draw_panel.canvas
    copy, none, left = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    picture = np.full((40, 40), 255, np.uint8)
    picture[8:32, 15:25] = 0
    Image.fromarray(picture).save(tmp_path / "one.png")
    (tmp_path / "note.png").write_text("no image")
    for name in ("one.png", "note.png"):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
        QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(9, 9), copy, data, left, none))
        QApplication.sendEvent(canvas, QDropEvent(QPointF(9, 9), copy, data, left, none))
        if name == "one.png":
            qtbot.waitUntil(lambda: canvas.ink()[140, 140] == 255)
    qtbot.waitUntil(lambda: "note.png: this is not an image" in window.messages.message)
    assert canvas.ink()[140, 140] == 255


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


def test_delete_and_undo_act_where_the_hint_says_that_they_do(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    controller, draw = window.controller, window.draw_panel
    layers = window.pages.currentWidget().findChild(LayerList)
    assert layers is not None
    drawn = np.full((280, 280), 255, np.uint8)

    def press(widget: QWidget, key: Qt.Key, control: bool = False) -> tuple[str, bool, bool]:
        """Return the hint, and whether the key changed the drawing and the model."""
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)
        hint, ink, spec = window.messages.text(), draw.canvas.ink(), controller.model.spec
        QTest.keyClick(widget, key, *[Qt.KeyboardModifier.ControlModifier] * control)
        return hint, not np.array_equal(draw.canvas.ink(), ink), controller.model.spec != spec

    changes = []
    for widget in (draw.canvas, draw.brush_slider, layers):
        draw.canvas.put(drawn)
        hint, *changed = press(widget, Qt.Key.Key_Delete)
        assert ("Delete clears" in hint, "Delete removes" in hint) == tuple(changed), hint
        changes.append(tuple(changed))
    assert changes == [(True, False), (False, False), (False, True)]
    for widget, target in ((draw.brush_slider, "stroke"), (window.pages.currentWidget(), "model")):
        reached = widget if isinstance(widget, QSlider) else widget.findChild(QComboBox)
        hint, *changed = press(reached, Qt.Key.Key_Z, control=True)
        assert target in hint
        assert target in window.commands["undo"].text()
        assert changed == [target == "stroke", target == "model"]


def test_undo_from_the_menu_is_for_what_had_the_focus_before(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    canvas = window.draw_panel.canvas
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    canvas.put(np.full((280, 280), 255, np.uint8))
    window.title_bar.menu_bar.setFocus(Qt.FocusReason.MenuBarFocusReason)
    window.commands["undo"].trigger()
    assert canvas.is_blank

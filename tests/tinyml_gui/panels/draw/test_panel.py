from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.panels.draw.panel import DrawPanel
from tinyml_gui.viewmodels.drawing import DrawingResult, DrawingViewModel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot, look: Theme, settings: Settings, digits_model: Model) -> DrawPanel:
    made = DrawPanel(settings, DrawingViewModel())
    made.set_model(digits_model)
    made.resize(320, 700)
    qtbot.addWidget(made)
    made.show()
    return made


def draw(panel: DrawPanel, qtbot: QtBot) -> DrawingResult:
    middle = panel.canvas.rect().center()
    with qtbot.waitSignal(panel.answered) as answered:
        QTest.mousePress(panel.canvas, LEFT, pos=middle - QPoint(0, 80))
        QTest.mouseMove(panel.canvas, middle + QPoint(0, 80))
        QTest.mouseRelease(panel.canvas, LEFT, pos=middle + QPoint(0, 80))
    result: DrawingResult = answered.args[0]
    return result


def test_drawing_shows_a_class_and_what_the_network_sees(panel: DrawPanel, qtbot: QtBot) -> None:
    result = draw(panel, qtbot)
    assert result.top is not None
    assert panel.top_label.text() == result.top.label
    assert panel.percent_label.text().endswith(" %")
    picture = panel.seen.grab().toImage()
    assert picture.pixelColor(picture.rect().center()).lightness() > 200


def test_what_the_network_sees_stays_bright_on_black_in_both_themes(
    panel: DrawPanel, qtbot: QtBot, look: Theme
) -> None:
    draw(panel, qtbot)
    light = panel.seen.grab().toImage()
    look.set_mode("dark")
    assert panel.seen.grab().toImage().pixelColor(56, 56) == light.pixelColor(56, 56)


def test_an_empty_canvas_shows_no_class(panel: DrawPanel, qtbot: QtBot) -> None:
    draw(panel, qtbot)
    with qtbot.waitSignal(panel.answered):
        QTest.keyClick(panel.canvas, Qt.Key.Key_Delete)
    assert panel.percent_label.text() == ""
    assert not panel.clear_button.isEnabled()


def test_buttons_follow_the_drawing(panel: DrawPanel, qtbot: QtBot) -> None:
    assert not panel.undo_button.isEnabled()
    draw(panel, qtbot)
    panel.undo_button.click()
    assert panel.canvas.ink().max() == 0
    assert panel.redo_button.isEnabled()
    panel.redo_button.click()
    assert panel.canvas.ink().max() == 255


def test_many_events_give_few_answers(panel: DrawPanel, qtbot: QtBot) -> None:
    answers: list[object] = []
    panel.answered.connect(answers.append)
    middle = panel.canvas.rect().center()
    QTest.mousePress(panel.canvas, LEFT, pos=middle)
    for _ in range(50):
        panel.canvas.changed.emit()
    qtbot.waitUntil(lambda: bool(answers))
    assert len(answers) <= 2


def test_nothing_moves_while_the_answer_changes(panel: DrawPanel, qtbot: QtBot) -> None:
    before = [w.geometry() for w in (panel.canvas, panel.seen, panel.bars, panel.brush_slider)]
    draw(panel, qtbot)
    panel.layout().activate()
    assert [w.geometry() for w in (panel.canvas, panel.seen, panel.bars, panel.brush_slider)] == before


def test_new_parameters_change_the_answer_without_a_new_stroke(
    panel: DrawPanel, qtbot: QtBot, digits_model: Model
) -> None:
    draw(panel, qtbot)
    with qtbot.waitSignal(panel.answered) as answered:
        panel.publish(np.zeros_like(digits_model.params))
    assert [score.probability for score in answered.args[0].scores] == pytest.approx([0.1] * 10)


def test_the_brush_is_remembered(panel: DrawPanel, settings: Settings) -> None:
    panel.brush_slider.setValue(41)
    assert panel.canvas.brush == 41
    assert DrawPanel(settings, DrawingViewModel()).brush_slider.value() == 41


@pytest.mark.parametrize(("remembered", "width"), [("nan", 24), ("1e308", 60), ("-3", 8), ("8", 8)])
def test_slider_and_brush_agree_whatever_was_remembered(
    qtbot: QtBot, settings: Settings, remembered: str, width: int
) -> None:
    settings.set_text("brush", remembered)
    made = DrawPanel(settings, DrawingViewModel())
    qtbot.addWidget(made)
    assert made.brush_slider.value() == made.canvas.brush == width


def test_a_probability_is_written_the_same_everywhere(panel: DrawPanel, qtbot: QtBot) -> None:
    result = draw(panel, qtbot)
    assert result.top is not None
    words = panel.percent_label.text()
    assert f"{result.top.label} {words}" in panel.bars.accessibleDescription()


def test_a_model_of_another_input_says_so(panel: DrawPanel, qtbot: QtBot) -> None:
    spec = PRESETS["mlp-32-32"].build(10, (8, 8, 1))
    panel.set_model(Model.new(spec, tuple("0123456789"), np.random.default_rng(0)))
    draw(panel, qtbot)
    assert "8×8×1" in panel.sentence_label.text()
    assert panel.percent_label.text() == ""


def test_a_network_with_a_fault_answers_nothing(panel: DrawPanel, qtbot: QtBot, digits_model: Model) -> None:
    draw(panel, qtbot)
    panel.set_model(digits_model, "The network has a fault")
    assert panel.top_label.text() == "–"
    assert panel.percent_label.text() == ""
    assert panel.sentence_label.text() == "The network has a fault"
    panel.set_model(digits_model)
    assert panel.percent_label.text().endswith("%")


@pytest.mark.parametrize("classes", [10, 47])
def test_another_number_of_classes_moves_nothing(panel: DrawPanel, qtbot: QtBot, classes: int) -> None:
    before = [w.geometry() for w in (panel.canvas, panel.seen, panel.bars)]
    names = tuple(f"class {i}" for i in range(classes))
    model = Model.new(PRESETS["mlp-32-32"].build(classes), names, np.random.default_rng(0), "many")
    panel.set_model(model)
    panel.set_random(True)
    draw(panel, qtbot)
    panel.layout().activate()
    assert [w.geometry() for w in (panel.canvas, panel.seen, panel.bars)] == before
    assert panel.sentence_label.text() == "Not trained yet: answers are random"
    panel.set_random(False)
    assert panel.sentence_label.text() == ""


def test_int8_is_shown_once_the_pen_rests(panel: DrawPanel, qtbot: QtBot, digits_model: Model) -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), dtype=np.uint8)
    panel.set_model(digits_model.replace(quantization=calibrate(digits_model, images)))
    draw(panel, qtbot)
    qtbot.waitUntil(lambda: panel.sentence_label.text().startswith("int8"))
    panel.set_model(digits_model)
    assert not panel.sentence_label.text()

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QColor,
    QInputDevice,
    QMouseEvent,
    QPointingDevice,
    QPointingDeviceUniqueId,
    QTabletEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tinyml_gui.drawing.canvas import Canvas
from tinyml_gui.drawing.strokes import Stroke, Surface
from tinyml_gui.look import theme
from tinyml_gui.look.theme_switch import Theme

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def canvas(qtbot: QtBot, look: Theme) -> Canvas:
    made = Canvas()
    made.resize(320, 320)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def stroke(
    canvas: Canvas, start: tuple[int, int], end: tuple[int, int], button: Qt.MouseButton = LEFT
) -> None:
    QTest.mousePress(canvas, button, pos=QPoint(*start))
    for part in range(1, 11):
        x = start[0] + (end[0] - start[0]) * part // 10
        y = start[1] + (end[1] - start[1]) * part // 10
        QTest.mouseMove(canvas, QPoint(x, y))
    QTest.mouseRelease(canvas, button, pos=QPoint(*end))


def test_dragging_leaves_ink_where_the_pointer_was(canvas: Canvas) -> None:
    stroke(canvas, (80, 160), (240, 160))
    ink = canvas.ink()
    assert ink.shape == (280, 280)
    assert ink.dtype == np.uint8
    rows, columns = np.nonzero(ink > 127)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(160 * 280 / 320, abs=1)
    assert (columns.min() + columns.max()) / 2 == pytest.approx(160 * 280 / 320, abs=1)


def test_each_pen_event_is_announced(canvas: Canvas) -> None:
    seen: list[int] = []
    canvas.changed.connect(lambda: seen.append(int(canvas.ink().sum())))
    stroke(canvas, (80, 160), (240, 160))
    assert len(seen) >= 11
    assert seen == sorted(seen)


def test_moving_without_a_button_draws_nothing(canvas: Canvas) -> None:
    QTest.mouseMove(canvas, QPoint(100, 100))
    QTest.mouseMove(canvas, QPoint(200, 200))
    assert canvas.is_blank
    assert canvas.ink().max() == 0


def test_the_right_button_erases(canvas: Canvas) -> None:
    stroke(canvas, (80, 160), (240, 160))
    stroke(canvas, (60, 160), (260, 160), RIGHT)
    assert canvas.ink().max() == 0


def test_undo_and_redo_go_by_the_stroke(canvas: Canvas) -> None:
    stroke(canvas, (80, 100), (240, 100))
    one = canvas.ink()
    stroke(canvas, (80, 200), (240, 200))
    two = canvas.ink()
    canvas.undo()
    assert np.array_equal(canvas.ink(), one)
    canvas.redo()
    assert np.array_equal(canvas.ink(), two)
    canvas.undo()
    canvas.undo()
    assert canvas.ink().max() == 0
    assert not canvas.can_undo


def test_delete_clears_and_undo_brings_it_back(canvas: Canvas) -> None:
    stroke(canvas, (80, 100), (240, 100))
    drawn = canvas.ink()
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert canvas.is_blank
    assert canvas.ink().max() == 0
    canvas.undo()
    assert np.array_equal(canvas.ink(), drawn)


def test_the_brush_sets_the_width(canvas: Canvas) -> None:
    widths = []
    for brush in (12.0, 40.0):
        canvas.clear()
        canvas.set_brush(brush)
        stroke(canvas, (80, 160), (240, 160))
        widths.append(np.count_nonzero(canvas.ink()[:, 140] > 127))
    assert widths == [12, 40]


def test_the_size_of_the_widget_does_not_change_the_ink(canvas: Canvas) -> None:
    stroke(canvas, (80, 160), (240, 160))
    small = canvas.ink()
    canvas.resize(640, 640)
    assert np.array_equal(canvas.ink(), small)
    canvas.clear()
    stroke(canvas, (160, 320), (480, 320))
    assert np.array_equal(canvas.ink(), small)


def test_a_canvas_that_is_not_square_draws_on_the_square_in_its_middle(canvas: Canvas) -> None:
    canvas.resize(520, 320)
    stroke(canvas, (180, 160), (340, 160))
    columns = np.nonzero(canvas.ink() > 127)[1]
    assert (columns.min() + columns.max()) / 2 == pytest.approx(140, abs=1)


def test_leaving_the_canvas_mid_stroke_is_harmless(canvas: Canvas) -> None:
    stroke(canvas, (160, 160), (900, -500))
    assert canvas.ink().max() == 255
    assert canvas.can_undo


def test_clearing_in_the_middle_of_a_stroke_ends_it(canvas: Canvas) -> None:
    QTest.mousePress(canvas, LEFT, pos=QPoint(80, 80))
    canvas.clear()
    QTest.mouseMove(canvas, QPoint(200, 200))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(200, 200))
    assert canvas.ink().max() == 0


def test_undo_in_the_middle_of_a_stroke_keeps_the_stroke(canvas: Canvas) -> None:
    stroke(canvas, (80, 60), (240, 60))
    QTest.mousePress(canvas, LEFT, pos=QPoint(80, 200))
    QTest.mouseMove(canvas, QPoint(240, 200))
    canvas.undo()
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(240, 200))
    rows = np.nonzero(canvas.ink() > 127)[0]
    assert rows.min() > 140


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_ink_contrasts_with_the_paper_in_both_themes(canvas: Canvas, look: Theme, mode: str) -> None:
    look.set_mode(mode)
    stroke(canvas, (80, 160), (240, 160))
    picture = canvas.grab().toImage()
    ink, paper = picture.pixelColor(160, 160), picture.pixelColor(160, 40)
    assert (ink.lightness() < paper.lightness()) == (mode == "light")
    assert abs(ink.lightness() - paper.lightness()) > 180
    assert canvas.ink()[140, 140] == 255


def test_the_hint_is_shown_only_while_nothing_is_drawn(canvas: Canvas) -> None:
    canvas.set_hint("Draw a digit here")
    empty = canvas.grab().toImage()
    stroke(canvas, (80, 40), (240, 40))
    drawn = canvas.grab().toImage()
    middle = [(x, 160) for x in range(90, 230)]
    paper = QColor("#FFFFFF").rgb()
    assert any(empty.pixel(*at) != paper for at in middle)
    assert all(drawn.pixel(*at) == paper for at in middle)


@pytest.fixture
def pen(look: Theme) -> QPointingDevice:
    return QPointingDevice(
        "pen",
        1,
        QInputDevice.DeviceType.Stylus,
        QPointingDevice.PointerType.Pen,
        QInputDevice.Capability.Position | QInputDevice.Capability.Pressure,
        1,
        1,
        "",
        QPointingDeviceUniqueId(),
    )


def tablet_event(pen: QPointingDevice, kind: QEvent.Type, x: float, pressure: float) -> QTabletEvent:
    at = QPointF(x, 160.0)
    none = Qt.KeyboardModifier.NoModifier
    return QTabletEvent(kind, pen, at, at, pressure, 0, 0, 0, 0, 0, none, LEFT, LEFT)


def test_pen_pressure_sets_the_width(canvas: Canvas, pen: QPointingDevice) -> None:
    widths = []
    for pressure in (0.1, 0.9):
        canvas.clear()
        for kind, x in (
            (QEvent.Type.TabletPress, 80.5),
            (QEvent.Type.TabletMove, 240.5),
            (QEvent.Type.TabletRelease, 240.5),
        ):
            QApplication.sendEvent(canvas, tablet_event(pen, kind, x, pressure))
        widths.append(np.count_nonzero(canvas.ink()[:, 140] > 127))
    assert widths[1] > 1.5 * widths[0] > 0


def mouse_event(
    kind: QEvent.Type, x: float, source: Qt.MouseEventSource, device: QPointingDevice
) -> QMouseEvent:
    at, none = QPointF(x, 160.0), Qt.KeyboardModifier.NoModifier
    return QMouseEvent(kind, at, at, at, LEFT, LEFT, none, source, device)


PRESS, MOVE, RELEASE = QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease


@pytest.mark.parametrize("source", Qt.MouseEventSource)
def test_a_pen_that_is_a_mouse_too_draws_each_point_once(
    canvas: Canvas, pen: QPointingDevice, source: Qt.MouseEventSource
) -> None:
    strokes = []
    mouse = QPointingDevice.primaryPointingDevice()
    for echoes in ((), (mouse, pen)):
        canvas.clear()
        announced: list[None] = []
        canvas.changed.connect(lambda heard=announced: heard.append(None))
        for kind, as_mouse, x in (
            (QEvent.Type.TabletPress, PRESS, 80.5),
            (QEvent.Type.TabletMove, MOVE, 240.5),
            (QEvent.Type.TabletRelease, RELEASE, 240.5),
        ):
            QApplication.sendEvent(canvas, tablet_event(pen, kind, x, 0.3))
            for device in echoes if kind != QEvent.Type.TabletRelease else ():
                QApplication.sendEvent(canvas, mouse_event(as_mouse, x, source, device))
        strokes.append((len(announced), canvas.ink().sum()))
        canvas.changed.disconnect()
    assert strokes[0] == strokes[1]


def test_echoes_that_come_after_the_pen_has_left_draw_nothing_but_mouse_and_finger_do(
    canvas: Canvas, pen: QPointingDevice
) -> None:
    by_system = Qt.MouseEventSource.MouseEventSynthesizedBySystem
    mouse, finger = (
        QPointingDevice.primaryPointingDevice(),
        QPointingDevice(
            "screen",
            2,
            QInputDevice.DeviceType.TouchScreen,
            QPointingDevice.PointerType.Finger,
            QInputDevice.Capability.Position,
            1,
            1,
        ),
    )
    for kind in (QEvent.Type.TabletPress, QEvent.Type.TabletRelease):
        QApplication.sendEvent(canvas, tablet_event(pen, kind, 80.5, 0.3))
    drawn = canvas.ink()
    for kind, x in ((PRESS, 80.5), (MOVE, 240.5), (RELEASE, 240.5)):
        QApplication.sendEvent(canvas, mouse_event(kind, x, by_system, mouse))
    assert np.array_equal(canvas.ink(), drawn)
    for source, device in ((by_system, finger), (Qt.MouseEventSource.MouseEventNotSynthesized, mouse)):
        canvas.clear()
        for kind, x in ((PRESS, 80.5), (MOVE, 240.5), (RELEASE, 240.5)):
            QApplication.sendEvent(canvas, mouse_event(kind, x, source, device))
        assert canvas.ink()[140, 140] == 255


def test_a_picture_takes_the_place_of_the_drawing(canvas: Canvas) -> None:
    stroke(canvas, (20, 20), (60, 20))
    canvas.put(np.full((10, 10), 200, np.uint8))
    assert canvas.ink()[140, 140] == 200
    canvas.undo()
    canvas.undo()
    assert canvas.ink()[18, 30] == 255


def test_a_rough_picture_is_replaced_by_the_next(canvas: Canvas) -> None:
    canvas.put(np.full((5, 5), 90, np.uint8), rough=True)
    stroke(canvas, (20, 20), (60, 20))
    canvas.put(np.full((10, 10), 200, np.uint8))
    assert (canvas.ink()[140, 140], canvas.ink()[18, 30]) == (200, 255)
    canvas.undo()
    canvas.undo()
    assert not canvas.can_undo


def test_a_rough_picture_that_was_undone_does_not_come_back(canvas: Canvas) -> None:
    canvas.put(np.full((5, 5), 90, np.uint8), rough=True)
    canvas.undo()
    canvas.put(np.full((10, 10), 200, np.uint8))
    assert canvas.is_blank
    canvas.put(np.full((10, 10), 100, np.uint8))
    assert canvas.ink()[140, 140] == 100


def test_undo_and_another_theme_paint_few_of_many_strokes(
    canvas: Canvas, look: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        stroke(canvas, (40, 20 + 6 * number), (60, 20 + 6 * number))
    seen = canvas.ink()
    painted: list[Stroke] = []
    paint = Stroke.paint

    def counted(stroke: Stroke, surface: Surface) -> None:
        painted.append(stroke)
        paint(stroke, surface)

    monkeypatch.setattr(Stroke, "paint", counted)
    look.set_mode("dark")
    assert painted == []
    canvas.undo()
    canvas.redo()
    assert len(painted) < 40
    assert np.array_equal(canvas.ink(), seen)


def test_many_strokes_are_sharp_again_in_another_size(canvas: Canvas, qtbot: QtBot) -> None:
    for number in range(40):
        stroke(canvas, (40, 20 + 6 * number), (60, 20 + 6 * number))
    canvas.resize(480, 480)
    stroke(canvas, (200, 300), (300, 300))
    qtbot.waitUntil(lambda: canvas._sheet.is_sharp)
    again = Surface(480, theme.tokens().ink)
    for mark in canvas._sheet.drawing.marks:
        mark.paint(again)
    assert np.array_equal(canvas._sheet.view.ink(), again.ink())


def test_an_image_that_is_announced_but_not_delivered_is_refused_in_one_sentence(canvas: Canvas) -> None:
    class Empty(QMimeData):
        def hasImage(self) -> bool:
            return True

    refused: list[str] = []
    canvas.refused.connect(refused.append)
    assert canvas._take(Empty())
    assert "cannot be read" in refused[0]
    assert canvas.is_blank


def test_the_canvas_says_what_it_is(canvas: Canvas) -> None:
    assert canvas.accessibleName() == "Drawing canvas"
    assert canvas.focusPolicy() == Qt.FocusPolicy.StrongFocus

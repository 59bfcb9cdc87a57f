from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from tinyml_gui.drawing.strokes import SIDE, Clear, Drawing, PenPoint, Picture, Stroke, Surface

pytestmark = pytest.mark.usefixtures("qapp")


def line(width: float = 24.0, count: int = 100, erases: bool = False) -> Stroke:
    points = tuple(PenPoint(60 + 1.5 * i, 140 + 20 * np.sin(i / 9), width) for i in range(count))
    return Stroke(points, erases)


def rendered(*marks: Stroke | Picture | Clear, pixels: int = SIDE, colour: str = "#000000") -> np.ndarray:
    surface = Surface(pixels, colour)
    for mark in marks:
        mark.paint(surface)
    return surface.ink()


def test_a_stroke_drawn_bit_by_bit_equals_the_stroke_rendered_anew() -> None:
    stroke = line()
    live = Surface(SIDE, "#000000")
    live.begin()
    for count in range(1, len(stroke.points) + 1):
        live.extend(stroke.points[:count], erases=False)
    assert np.array_equal(live.ink(), rendered(stroke))


def test_ink_does_not_depend_on_the_colour() -> None:
    assert np.array_equal(rendered(line(), colour="#000000"), rendered(line(), colour="#F2F4F7"))


def test_edges_are_antialiased_and_the_core_is_solid() -> None:
    ink = rendered(line())
    assert ink.max() == 255
    assert np.any((ink > 0) & (ink < 255))


def test_the_same_marks_cover_the_same_share_at_any_resolution() -> None:
    shares = [np.mean(rendered(line(), pixels=pixels)) for pixels in (SIDE, 2 * SIDE)]
    assert shares[0] == pytest.approx(shares[1], rel=0.01)


def test_a_wider_pen_leaves_more_ink() -> None:
    assert rendered(line(width=40.0)).sum() > 1.5 * rendered(line(width=20.0)).sum()


def test_one_point_is_a_round_dot() -> None:
    ink = rendered(Stroke((PenPoint(140, 140, 20.0),)))
    assert np.count_nonzero(ink > 127) == pytest.approx(np.pi * 100, rel=0.05)


def test_pressure_changes_the_width_along_a_stroke() -> None:
    points = tuple(PenPoint(40 + 2 * i, 140, 10 + i / 4) for i in range(100))
    heights = np.count_nonzero(rendered(Stroke(points)) > 127, axis=0)
    assert heights[60] < heights[220]


def test_erasing_takes_ink_off() -> None:
    ink = rendered(line(width=20.0), line(width=60.0, erases=True))
    assert ink.max() == 0


def test_a_new_mark_forgets_what_was_undone() -> None:
    drawing = Drawing()
    drawing.add(line())
    drawing.undo()
    assert drawing.can_redo
    drawing.add(Clear())
    assert not drawing.can_redo


@pytest.mark.parametrize(("height", "width"), [(28, 28), (10, 40), (40, 10), (600, 300)])
def test_a_picture_fills_the_canvas_in_its_own_proportions(height: int, width: int) -> None:
    rows, columns = np.nonzero(rendered(Picture(np.full((height, width), 255, np.uint8))) > 127)
    extent = (np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert max(extent) == SIDE
    assert extent[0] / extent[1] == pytest.approx(height / width, rel=0.02)


def test_a_picture_keeps_its_greys(qapp: QApplication) -> None:
    greys = np.repeat(np.repeat(np.array([[0, 100], [180, 255]], np.uint8), 140, axis=0), 140, axis=1)
    assert np.abs(rendered(Picture(greys), colour="#F2F4F7").astype(int) - greys).max() <= 1

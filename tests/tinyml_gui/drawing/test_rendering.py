"""However many strokes there are, undo and another colour or size paint few of them, and show the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tinyml_gui.drawing import rendering
from tinyml_gui.drawing.rendering import FEW, Sheet
from tinyml_gui.drawing.strokes import SIDE, Clear, Mark, PenPoint, Picture, Stroke, Surface

pytestmark = pytest.mark.usefixtures("qapp")

MANY = 70


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[Mark]:
    """Return the list that all painted strokes are put into."""
    found: list[Mark] = []
    paint = Stroke.paint

    def counted(stroke: Stroke, surface: Surface) -> None:
        found.append(stroke)
        paint(stroke, surface)

    monkeypatch.setattr(Stroke, "paint", counted)
    return found


def short_stroke(number: int, length: int = 3) -> Stroke:
    rng = np.random.default_rng(number)
    points = tuple(PenPoint(*rng.uniform(20, 260, 2), 9.0) for _ in range(length))
    return Stroke(points, erases=number % 5 == 4)


def draw(sheet: Sheet, count: int, first: int = 0) -> None:
    """Draw strokes as the pen does."""
    for number in range(first, first + count):
        stroke = short_stroke(number)
        sheet.begin()
        sheet.extend(stroke.points, stroke.erases)
        sheet.took(stroke)


def anew(marks: Sequence[Mark], pixels: int = SIDE) -> np.ndarray:
    surface = Surface(pixels, "#000000")
    for mark in marks:
        mark.paint(surface)
    return surface.ink()


def shows(sheet: Sheet) -> bool:
    """Return whether both surfaces show the marks, as if they were all painted now."""
    marks = list(sheet.drawing.marks)
    seen = anew(marks, sheet.view.image.width())
    return np.array_equal(sheet.model.ink(), anew(marks)) and np.array_equal(sheet.view.ink(), seen)


def test_undoing_many_strokes_paints_few_at_a_time(painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    draw(sheet, MANY)
    most = 0
    for step in range(MANY):
        sheet.drawing.undo()
        painted.clear()
        sheet.show()
        most = max(most, len(painted))
        assert step % 20 or shows(sheet)
    assert most <= 2 * FEW  # two surfaces
    assert sheet.model.ink().max() == 0


def test_redo_and_other_strokes_after_an_undo_show_what_is_there(painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    draw(sheet, MANY)
    for _ in range(50):
        sheet.drawing.undo()
    sheet.show()
    for _ in range(45):
        sheet.drawing.redo()
    sheet.show()
    assert shows(sheet)
    for _ in range(30):
        sheet.drawing.undo()
    sheet.show()
    draw(sheet, 40, first=1000)  # what was undone is forgotten, and with it what was kept of it
    painted.clear()
    sheet.drawing.undo()
    sheet.show()
    assert len(painted) <= 2 * FEW
    assert shows(sheet)


def test_a_clear_is_undone_at_once(painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    draw(sheet, MANY)
    drawn = sheet.model.ink()
    painted.clear()
    sheet.drawing.add(Clear())
    sheet.show()
    assert (painted, sheet.model.ink().max(), sheet.view.ink().max()) == ([], 0, 0)
    sheet.drawing.undo()
    sheet.show()
    assert len(painted) <= 2 * FEW
    np.testing.assert_array_equal(sheet.model.ink(), drawn)


def test_after_a_long_stroke_it_is_not_painted_again(painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    sheet.drawing.add(Stroke(tuple(PenPoint(20 + i / 5, 90.0, 9.0) for i in range(32 * FEW))))
    sheet.show()
    draw(sheet, 3, first=1)
    painted.clear()
    sheet.drawing.undo()
    sheet.show()
    assert len(painted) == 2 * 2
    assert shows(sheet)


def test_another_colour_paints_nothing(painted: list[Mark]) -> None:
    sheet = Sheet("#000000")
    draw(sheet, 40)
    before = sheet.view.ink()
    painted.clear()
    sheet.recolour("#FF0000")
    assert painted == []
    np.testing.assert_array_equal(sheet.view.ink(), before)
    row, column = np.argwhere(before == 255)[0]
    assert sheet.view.image.pixelColor(int(column), int(row)).red() == 255
    sheet.drawing.undo()
    sheet.show()
    row, column = np.argwhere(sheet.view.ink() == 255)[0]
    assert sheet.view.image.pixelColor(int(column), int(row)).red() == 255


def test_another_size_shows_the_same_at_once_and_sharp_soon(painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    draw(sheet, MANY)
    painted.clear()
    sheet.resize(2 * SIDE)
    assert len(painted) <= 2 * FEW
    assert not sheet.is_sharp
    sharp = anew(sheet.drawing.marks, 2 * SIDE).astype(int)
    assert np.abs(sheet.view.ink() - sharp).mean() < 8
    draw(sheet, 1, first=500)  # the pen need not wait
    sheet.drawing.undo()
    sheet.show()
    turns = 0
    while not sheet.is_sharp:
        painted.clear()
        sheet.sharpen()
        turns += 1
        assert len(painted) <= FEW
    assert turns <= MANY // FEW + 1
    assert shows(sheet)


def test_few_strokes_are_sharp_at_once_in_another_size() -> None:
    sheet = Sheet("#123456")
    draw(sheet, 5)
    sheet.resize(333)
    assert sheet.is_sharp
    assert shows(sheet)


@pytest.mark.parametrize("count", [5, 60])
def test_a_stroke_under_way_survives_another_size(count: int) -> None:
    sheet = Sheet("#123456")
    draw(sheet, count)
    stroke = short_stroke(77, length=40)
    sheet.begin()
    sheet.extend(stroke.points[:20], stroke.erases)
    sheet.resize(2 * SIDE, Stroke(stroke.points[:20], stroke.erases))
    for stop in (32, 40):
        sheet.extend(stroke.points[:stop], stroke.erases)
    sheet.took(stroke)
    while not sheet.is_sharp:
        sheet.sharpen()
    assert shows(sheet)


def test_what_is_kept_is_limited(monkeypatch: pytest.MonkeyPatch, painted: list[Mark]) -> None:
    sheet = Sheet("#123456")
    draw(sheet, FEW)
    kept = len(sheet._model._kept[-1].packed)
    monkeypatch.setattr(rendering, "_MOST_BYTES", 3 * kept)
    draw(sheet, 5 * FEW, first=FEW)
    assert sum(len(one.packed) for one in sheet._model._kept) <= 3 * kept
    painted.clear()
    sheet.drawing.undo()
    sheet.show()
    assert len(painted) <= 2 * FEW
    assert shows(sheet)


def test_a_picture_takes_the_place_of_another_under_what_was_drawn_since() -> None:
    sheet = Sheet("#123456")
    rough, whole = (Picture(np.full((8, 8), value, np.uint8)) for value in (90, 200))
    sheet.drawing.add(rough)
    sheet.show()
    draw(sheet, 2 * FEW)
    sheet.swap(rough, whole)
    sheet.show()
    assert sheet.drawing.marks[0] is whole
    assert shows(sheet)
    sheet.swap(rough, whole)  # no longer there
    assert shows(sheet)

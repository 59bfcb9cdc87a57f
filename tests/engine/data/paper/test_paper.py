"""Sheets that were printed, written on and photographed are read as the same characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.data import Catalogue
from engine.data.dataset import Dataset
from engine.data.importing import ImportOptions, Place, import_data
from engine.data.paper import PAPERS, Character, Sheet, characters, straighten
from engine.data.paper.printing import draw_sheet
from engine.data.paper.sheet import BOX_SIDE, CODE_SIDE, MARK_SIDE
from engine.errors import DataError, FieldError
from engine.nn.predictor import Predictor
from engine.storage.shipped import load_shipped
from tests.engine.conftest import Run
from tests.engine.data.paper.photographs import DOTS, Conditions, photographed, saved, written
from tests.engine.export.programs import CAMPAIGN
from tests.engine.formats.peers import needed

needed("cv2")
needed("segno")

DIGITS = Sheet(tuple("0123456789"))
DATA = Catalogue(()).load("starter", "test")
READER = load_shipped("digits")
HARD = {
    "scan": Conditions(turn=-2),
    "from the side": Conditions(angle=25, turn=15),
    "shadow": Conditions(shadow=0.5, slope=0.4),
    "ruled": Conditions(lines=True, pen=80, turn=4),
    "upside down": Conditions(turn=180),
    "noise and blur": Conditions(noise=8, blur=1.2),
}


def share_right(images: np.ndarray, labels: Sequence[int] | np.ndarray) -> float:
    return float(np.mean(Predictor(READER, len(images)).logits(images).argmax(axis=1) == labels))


def read(path: Path) -> list[Character]:
    return list(characters(straighten(path)))


def shares(found: Sequence[Character], chosen: np.ndarray, data: Dataset = DATA) -> tuple[float, float]:
    """Return the share that is recognised of the characters as read, and as they were before."""
    images = np.stack([character.image for character in found])[..., np.newaxis]
    return (
        share_right(images, [data.classes.index(character.box.label) for character in found]),
        share_right(data.images[chosen], data.labels[chosen]),
    )


@pytest.mark.parametrize("name", HARD)
def test_a_photograph_is_read(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(20261201)
    page, chosen = written(DIGITS, DATA, rng, HARD[name])
    found = read(saved(photographed(page, rng, HARD[name]), tmp_path / "photo.jpg"))
    assert [character.box for character in found] == list(DIGITS.boxes)
    as_read, clean = shares(found, chosen)
    assert as_read >= clean - 0.02


@pytest.mark.parametrize("count", [pytest.param(300, marks=CAMPAIGN)])
def test_many_photographs_are_read(count: int, tmp_path: Path) -> None:
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    unread, results = 0, []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        conditions = Conditions.drawn(rng)
        page, chosen = written(DIGITS, DATA, rng, conditions)
        try:
            found = read(saved(photographed(page, rng, conditions), tmp_path / "photo.jpg"))
        except DataError:
            unread += 1
        else:
            assert len(found) == len(DIGITS.boxes), conditions
            results.append(shares(found, chosen))
    as_read, clean = np.mean(results, axis=0)
    print(f"{unread} of {count} not found; {as_read:.4f} right, {clean:.4f} before")  # noqa: T201
    assert unread <= 0.02 * count
    assert as_read >= clean - 0.02


def test_empty_boxes_are_left_out_and_ink_on_the_frame_is_doubted(tmp_path: Path) -> None:
    page = draw_sheet(DIGITS, DOTS)
    pen = ImageDraw.Draw(page)
    for number, reach in ((3, 0.6), (50, 1.1)):  # shares of the box that the stroke takes
        box = DIGITS.boxes[number]
        start = ((box.left + 0.4 * BOX_SIDE) * DOTS, (box.top + 0.3 * BOX_SIDE) * DOTS)
        pen.line((*start, start[0], (box.top + reach * BOX_SIDE) * DOTS), 20, width=8)
    page.save(tmp_path / "scan.png")
    found = read(tmp_path / "scan.png")
    assert [character.box.place for character in found] == ["row 1, box 4 (3)", "row 5, box 7 (0)"]
    assert [character.doubt for character in found] == ["", "it touches the frame"]


def test_a_covered_mark_is_done_without(tmp_path: Path) -> None:
    page = draw_sheet(DIGITS, DOTS)
    page.paste(200, (0, 0, 30 * DOTS, 30 * DOTS))
    page.save(tmp_path / "thumb.png")
    assert straighten(tmp_path / "thumb.png").sheet == DIGITS


@pytest.mark.parametrize(
    ("covered", "words"),
    [
        ((0, 0, 210, 60), "2 of the sheet's four corner marks were found; photograph the whole page"),
        ((80, 5, 130, 38), "the square code at the top of the sheet cannot be read"),
    ],
)
def test_what_cannot_be_found_is_told(covered: tuple[int, int, int, int], words: str, tmp_path: Path) -> None:
    page = draw_sheet(DIGITS, DOTS)
    page.paste(200, tuple(DOTS * length for length in covered))
    page.save(tmp_path / "photo.png")
    with pytest.raises(DataError, match=re.escape(f"photo.png: {words}")):
        straighten(tmp_path / "photo.png")


def test_other_pictures_are_no_sheets(tmp_path: Path) -> None:
    Image.new("L", (300, 200), 255).save(tmp_path / "white.png")
    with pytest.raises(DataError, match="0 of the sheet's four corner marks"):
        read(tmp_path / "white.png")


@pytest.mark.parametrize("text", ["", "[]", '["tinyml-sheet-1","a4",7]', '["other","a4","01"]', "[" * 5000])
def test_other_codes_are_refused(text: str) -> None:
    with pytest.raises(FieldError):
        Sheet.from_text(text)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("classes", ["01", "0123456789", ["cat", "ä", "漢", '"'], list(map(str, range(100)))])
def test_a_sheet_has_room_for_everything_and_says_what_it_is(paper: str, classes: Sequence[str]) -> None:
    sheet = Sheet(tuple(classes), paper)
    assert Sheet.from_text(sheet.text) == sheet
    places = [(left, top, MARK_SIDE) for left, top in sheet.marks]
    places += [(*sheet.code, CODE_SIDE), *((box.left, box.top, BOX_SIDE) for box in sheet.boxes)]
    for left, top, side in places:
        assert left >= 10
        assert top >= 10
        assert left + side <= sheet.size[0] - 10
        assert top + side <= sheet.size[1] - 10
    for (left, top, side), (other_left, other_top, other_side) in combinations(places, 2):
        assert max(left, other_left) >= min(left + side, other_left + other_side) or max(
            top, other_top
        ) >= min(top + side, other_top + other_side)
    counts = [sum(box.label == name for box in sheet.boxes) for name in sheet.classes]
    assert max(counts) - min(counts) <= 1
    assert min(counts) >= 1


@pytest.mark.parametrize(
    ("classes", "paper", "words"),
    [
        (["0"], "a4", "2 to 100 classes, got 1"),
        (["0", "0"], "a4", "named twice"),
        (["0", " "], "a4", "cannot stand beside a box"),
        (["0", "a\nb"], "a4", "cannot stand beside a box"),
        (["0", "x" * 13], "a4", "cannot stand beside a box"),
        ([f"{number:012}" for number in range(100)], "a4", "too long together"),
        (["0", "1"], "a5", "Paper is one of a4, letter, got a5"),
    ],
)
def test_sheets_that_cannot_be_are_told(classes: list[str], paper: str, words: str) -> None:
    with pytest.raises(FieldError, match=words):
        Sheet(tuple(classes), paper)


def test_from_the_command_to_a_data_set(run: Run, tmp_path: Path) -> None:
    code, out, err = run("sheet", "--classes", "AB", "--out", "sheet.pdf")
    assert (code, err) == (0, "")
    assert "tinyml data import PHOTO.jpg --name mine" in out
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ([0-9.]+) \]", Path("sheet.pdf").read_bytes())
    assert box is not None
    assert [float(side) for side in box.groups()] == pytest.approx(
        [210 / 25.4 * 72, 297 / 25.4 * 72], abs=0.3
    )
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(1)
    for name in ("a.jpg", "b.jpg"):
        saved(written(DIGITS, DATA, rng)[0], photos / name)
    place = Place(tmp_path / "sets", "mine")
    single = import_data(photos / "a.jpg", place, ImportOptions(), rng)
    assert sum(single.manifest.images.values()) == len(DIGITS.boxes)
    assert single.manifest.classes == DIGITS.classes
    both = import_data(photos, Place(tmp_path / "sets", "both"), ImportOptions(), rng, kind="sheet")
    assert sum(both.manifest.images.values()) == 2 * len(DIGITS.boxes)
    assert "a.jpg: 132 of 132 boxes have a character." in both.manifest.notes

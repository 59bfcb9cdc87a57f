"""Pictures that are dropped or pasted are read beside the window, the newest one only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.data import picture_files
from tinyml_gui.control import pictures
from tinyml_gui.control.pictures import PictureReader
from tinyml_gui.drawing.canvas import Canvas
from tinyml_gui.drawing.paste_and_drop import ink_of
from tinyml_gui.look.theme_switch import Theme


@pytest.fixture
def canvas(qtbot: QtBot, look: Theme) -> Canvas:
    made = Canvas()
    made.resize(320, 320)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def reader(canvas: Canvas) -> Iterator[PictureReader]:
    made = PictureReader()
    canvas.given.connect(made.start)
    made.read.connect(canvas.put)
    yield made
    made.shut_down()


def dark_cross(scale: int = 1) -> QImage:
    image = QImage(60 * scale, 40 * scale, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.fillRect(28 * scale, 5 * scale, 4 * scale, 30 * scale, QColor("black"))
    painter.fillRect(15 * scale, 18 * scale, 30 * scale, 4 * scale, QColor("black"))
    painter.end()
    return image


def drop(canvas: Canvas, data: QMimeData) -> None:
    left, copy, none = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(100, 100), copy, data, left, none))
    QApplication.sendEvent(canvas, QDropEvent(QPointF(100, 100), copy, data, left, none))


def drop_file(canvas: Canvas, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    drop(canvas, data)


def has_cross(canvas: Canvas) -> bool:
    return bool(canvas.ink()[140, 140] > 200 and canvas.ink()[20, 20] == 0)


@pytest.mark.parametrize("scale", [1, 40])
def test_a_dropped_image_becomes_ink(canvas: Canvas, reader: PictureReader, qtbot: QtBot, scale: int) -> None:
    data = QMimeData()
    data.setImageData(dark_cross(scale))
    drop(canvas, data)
    qtbot.waitUntil(lambda: has_cross(canvas))


def test_a_dropped_file_becomes_ink(
    canvas: Canvas, reader: PictureReader, qtbot: QtBot, tmp_path: Path
) -> None:
    told: list[str] = []
    reader.told.connect(told.append)
    dark_cross().save(str(tmp_path / "cross.png"))
    drop_file(canvas, tmp_path / "cross.png")
    assert canvas.is_blank  # the window goes on
    qtbot.waitUntil(lambda: has_cross(canvas))
    assert told == ["Reading cross.png…", ""]


def test_an_image_is_pasted(canvas: Canvas, reader: PictureReader, qtbot: QtBot) -> None:
    refused: list[str] = []
    canvas.refused.connect(refused.append)
    QGuiApplication.clipboard().setText("text")
    canvas.paste()
    assert refused == ["The clipboard holds no image; copy one first."]
    QGuiApplication.clipboard().setImage(dark_cross())
    canvas.paste()
    qtbot.waitUntil(lambda: has_cross(canvas))


def test_a_file_that_is_no_image_is_refused_in_one_sentence(
    canvas: Canvas, reader: PictureReader, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("not an image")
    canvas.put(np.full((9, 9), 77, np.uint8))
    with qtbot.waitSignal(reader.refused) as refused:
        drop_file(canvas, tmp_path / "notes.png")
    assert "notes.png" in refused.args[0]
    assert canvas.ink()[140, 140] == 77


def test_a_large_picture_is_seen_roughly_first(
    canvas: Canvas, reader: PictureReader, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_files, "_LARGE", 1000)
    seen: list[bool] = []
    reader.read.connect(lambda ink, rough: seen.append(rough))
    dark_cross(2).save(str(tmp_path / "cross.png"))
    drop_file(canvas, tmp_path / "cross.png")
    qtbot.waitUntil(lambda: False in seen)
    assert seen == [True, False]
    assert has_cross(canvas)
    canvas.undo()
    assert not canvas.can_undo


def test_only_the_newest_picture_is_shown(
    canvas: Canvas, reader: PictureReader, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(picture: Path, rough: object) -> np.ndarray:
        if picture.name == "first.png":
            begun.set()
            assert go_on.wait(60)
            return np.full((9, 9), 1, np.uint8)
        return ink_of(picture)

    monkeypatch.setattr(pictures, "ink_of", slow)
    dark_cross().save(str(tmp_path / "cross.png"))
    drop_file(canvas, tmp_path / "first.png")
    assert begun.wait(60)
    drop_file(canvas, tmp_path / "cross.png")
    go_on.set()
    qtbot.waitUntil(lambda: has_cross(canvas))
    canvas.undo()
    assert not canvas.can_undo


def test_what_the_window_gets_of_a_large_picture_is_small(tmp_path: Path, look: Theme) -> None:
    dark_cross(40).save(str(tmp_path / "cross.png"))
    for picture in (tmp_path / "cross.png", dark_cross(40)):
        assert ink_of(picture).shape == (373, 560)

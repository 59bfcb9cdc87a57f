"""The Data page shows a data set, filters its images, and imports others with a way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.data import Catalogue
from engine.data.paper import Sheet
from engine.data.paper.printing import draw_sheet
from tests.engine.formats.peers import needed
from tests.tinyml_gui.tiny import TinyCatalogue, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.data.panel import DataPanel
from tinyml_gui.panels.train.run_choice import RunChoice
from tinyml_gui.panels.views.image_grid import ImageGrid


@pytest.fixture
def panel(qtbot: QtBot, controller: Controller, tmp_path: Path) -> DataPanel:
    controller.data.root = tmp_path / "sets"
    made = DataPanel(controller)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitUntil(lambda: controller.data.looked is not None)
    return made


@pytest.fixture
def catalogue() -> Catalogue:
    """Give what is imported too, unlike that of other tests."""
    made = TinyCatalogue()
    made.present = lambda: Catalogue.present(made)  # type: ignore[method-assign]
    return made


def table(path: Path, count: int = 60) -> Path:
    data = spots(count, shape=(28, 28, 1))
    rows = np.column_stack([data.labels, data.images.reshape(count, -1)])
    np.savetxt(path, rows, fmt="%d", delimiter=",")
    return path


def bring_in(qtbot: QtBot, panel: DataPanel, controller: Controller, path: Path) -> None:
    controller.data.start_import(path)
    qtbot.waitUntil(lambda: not controller.data.importing and controller.data.looked is not None)


def test_the_data_of_the_train_page_are_shown(panel: DataPanel) -> None:
    assert panel.head.figure.text() == "320"
    assert panel.choice.currentData() == "starter"
    assert "320 test images are also training images" in panel.findings.text()  # the same ones, here
    assert panel.classes.count() == 5
    assert panel.images.count == 320


def test_a_class_filters_the_images(panel: DataPanel) -> None:
    panel.classes.setCurrentRow(3)
    assert panel.images.count == 80
    panel.images.choose(1)
    assert panel.image_line.text() == "Image 6: c"
    panel.classes.setCurrentRow(0)
    assert panel.images.count == 320
    assert panel.image_line.text() == ""


def test_an_import_is_shown_and_can_be_discarded(
    qtbot: QtBot, panel: DataPanel, controller: Controller, tmp_path: Path
) -> None:
    path = table(tmp_path / "mine.csv")
    bring_in(qtbot, panel, controller, path)
    assert controller.data.name == "mine"
    assert panel.choice.currentText() == "Your data: mine.csv"
    assert "Imported as mine. There was no test part" in panel.import_bar.text.text()
    assert (tmp_path / "sets" / "mine").is_dir()

    panel.import_bar.discard_button.click()
    qtbot.waitUntil(lambda: controller.data.looked is not None)
    assert not (tmp_path / "sets" / "mine").exists()
    assert path.exists()
    assert controller.data.name == "starter"
    assert panel.import_bar.isHidden()


def test_a_sheet_is_printed_and_its_photograph_comes_in(
    qtbot: QtBot, panel: DataPanel, controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("cv2")
    needed("segno")
    sheet = tmp_path / "sheet.pdf"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *words: (str(sheet), ""))
    with qtbot.waitSignal(controller.data.told) as told:
        choose(panel, "Print a sheet")
    assert sheet.read_bytes().startswith(b"%PDF")
    assert told.args[0].startswith("Saved sheet.pdf: print it, write in its 132 boxes")
    photo = tmp_path / "photo.png"
    page = draw_sheet(Sheet(("a", "b")), 8)
    for box in Sheet(("a", "b")).boxes[:8]:
        page.paste(0, tuple(round(8 * at) for at in (box.left + 5, box.top + 3, box.left + 7, box.top + 11)))
    page.save(photo)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *words: (str(photo), ""))
    choose(panel, "Photograph")
    qtbot.waitUntil(lambda: not controller.data.importing and controller.data.looked is not None)
    assert "8 of 132 boxes have a character" in panel.import_bar.text.text()


def choose(panel: DataPanel, words: str) -> None:
    """Choose the entry of the import menu that begins with `words`."""
    next(at for at in panel.import_button.menu().actions() if at.text().startswith(words)).trigger()


def test_what_is_kept_can_be_trained_on(
    qtbot: QtBot, panel: DataPanel, controller: Controller, tmp_path: Path
) -> None:
    choice = RunChoice(controller)
    qtbot.addWidget(choice)
    bring_in(qtbot, panel, controller, table(tmp_path / "mine.csv"))
    assert choice.data_combo.findData("mine") >= 0
    panel.use_button.click()
    assert panel.import_bar.isHidden()
    assert controller.training.data_name == "mine"
    assert choice.data_combo.currentData() == "mine"
    qtbot.waitUntil(lambda: controller.training.data is not None)


def test_a_file_without_images_gives_one_sentence(
    qtbot: QtBot, panel: DataPanel, controller: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear maker,\n")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    panel.import_button.menu().actions()[0].trigger()
    qtbot.waitUntil(lambda: not controller.data.importing)
    assert "no labelled images were recognised" in panel.import_bar.text.text()
    assert controller.data.name == "starter"
    assert not (tmp_path / "sets").exists()


def test_a_cancelled_import_leaves_nothing(
    qtbot: QtBot, panel: DataPanel, controller: Controller, tmp_path: Path
) -> None:
    controller.data.start_import(table(tmp_path / "mine.csv", 6000))
    panel.import_bar.cancel_button.click()
    qtbot.waitUntil(lambda: not controller.data.importing)
    assert panel.import_bar.isHidden()
    assert not (tmp_path / "sets" / "mine").exists()


# The images


@pytest.fixture
def grid(qtbot: QtBot) -> ImageGrid:
    made = ImageGrid()
    qtbot.addWidget(made)
    made.resize(320, 200)
    made.show()
    data = spots(100_000)
    made.show_images(data.images, np.arange(len(data)))
    return made


def test_a_click_and_the_arrows_choose_images(qtbot: QtBot, grid: ImageGrid) -> None:
    with qtbot.waitSignal(grid.chosen) as chosen:
        QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(70, 10))
    assert chosen.args == [1]
    for key, place in ((Qt.Key.Key_Right, 2), (Qt.Key.Key_Down, 7), (Qt.Key.Key_Left, 6), (Qt.Key.Key_Up, 1)):
        QTest.keyClick(grid, key)
        assert grid.current == place


def test_the_view_follows_the_choice_to_the_last_image(grid: ImageGrid) -> None:
    grid.choose(99_999)
    bar = grid.verticalScrollBar()
    assert bar.value() == bar.maximum()
    grid.choose(0)
    assert bar.value() == 0


def test_the_image_that_is_seen_is_the_one_that_was_given(grid: ImageGrid) -> None:
    grid.choose(99_999)
    grid.viewport().repaint()
    shown = grid.viewport().grab().toImage()
    column, bottom = 99_999 % 5, shown.height() - 4 - 56
    label = 99_999 % 4  # the bright pixel of the first row
    assert shown.pixelColor(column * 60 + label * 14 + 7, bottom + 7).lightness() == 255

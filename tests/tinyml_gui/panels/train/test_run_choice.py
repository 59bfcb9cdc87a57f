"""Getting data sets: by download, and from folders that lie anywhere."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from engine.data import Catalogue
from engine.errors import DataError
from tests.tinyml_gui.tiny import TinyCatalogue, spots
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.panels.train.download_bar import DownloadBar
from tinyml_gui.panels.train.run_choice import RunChoice

LEFT = Qt.MouseButton.LeftButton


class Mirror(TinyCatalogue):
    """A network that sends when it is let, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.sending, self.fault, self.here = threading.Event(), "", False

    def present(self) -> tuple[str, ...]:
        return ("starter", "mnist") if self.here else ("starter",)

    def download(self, name: str, folder: object = None) -> Iterator[tuple[int, int]]:
        yield 1_000_000, 4_000_000
        if self.fault:
            raise DataError(name, self.fault)
        self.sending.wait(20)
        self.sets[name], self.here = spots(name=name), True
        yield 4_000_000, 4_000_000


@pytest.fixture
def catalogue() -> Mirror:
    return Mirror()


@pytest.fixture
def choice(qtbot: QtBot, controller: Controller) -> RunChoice:
    made = RunChoice(controller)
    qtbot.addWidget(made)
    made.read_data()
    return made


@pytest.fixture
def bar(qtbot: QtBot, controller: Controller) -> DownloadBar:
    made = DownloadBar(controller.training.downloads)
    qtbot.addWidget(made)
    return made


def choose(choice: RunChoice, text: str) -> None:
    combo = choice.data_combo
    combo.setCurrentIndex(combo.findText(text, Qt.MatchFlag.MatchStartsWith))
    combo.activated.emit(combo.currentIndex())


def test_a_download_is_offered_shown_and_then_chosen(
    choice: RunChoice, bar: DownloadBar, controller: Controller, catalogue: Mirror, qtbot: QtBot
) -> None:
    assert not bar.isVisible()
    choose(choice, "Download MNIST")
    qtbot.waitUntil(lambda: "1 of 4 MB" in bar.text.text())
    assert choice.data_combo.currentData() == "starter"  # until it is here
    catalogue.sending.set()
    qtbot.waitUntil(lambda: controller.training.data_name == "mnist")
    assert choice.data_combo.currentData() == "mnist"
    assert not bar.isVisible()


def test_a_silent_download_can_be_cancelled(
    choice: RunChoice, bar: DownloadBar, controller: Controller, catalogue: Mirror, qtbot: QtBot
) -> None:
    choose(choice, "Download MNIST")
    qtbot.waitUntil(lambda: "1 of 4 MB" in bar.text.text())
    qtbot.mouseClick(bar.button, LEFT)
    qtbot.waitUntil(lambda: not controller.training.downloads.name)
    assert controller.training.downloads.error == ""
    assert controller.training.data_name == "starter"
    catalogue.sending.set()


def test_a_download_that_fails_says_why(
    choice: RunChoice, bar: DownloadBar, catalogue: Mirror, qtbot: QtBot
) -> None:
    catalogue.fault = "the download failed; check the network."
    choose(choice, "Download MNIST")
    qtbot.waitUntil(lambda: "check the network" in bar.text.text())
    qtbot.mouseClick(bar.button, LEFT)
    assert bar.text.text() == ""


def write_mnist(folder: Path) -> None:
    folder.mkdir(parents=True)
    images, labels = np.zeros((20, 28, 28), np.uint8), (np.arange(20) % 10).astype(np.uint8)
    for part in ("train", "t10k"):
        for array, kind in ((images, "images-idx3"), (labels, "labels-idx1")):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))


@pytest.mark.parametrize(("chosen", "name"), [(".", "mnist"), ("mnist", None)])
def test_a_folder_or_the_one_above_it_is_taken_and_remembered(
    chosen: str,
    name: str | None,
    qtbot: QtBot,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_mnist(tmp_path / "data" / "mnist")
    path = str(tmp_path / "data" / chosen) if name is None else str(tmp_path / "data")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: path)
    for again in (False, True):
        controller = Controller(settings, Catalogue(), np.random.default_rng(3))
        made = RunChoice(controller)
        qtbot.addWidget(made)
        if not again:
            choose(made, "Choose folder")
        made.read_data()
        qtbot.waitUntil(lambda c=controller: c.training.data is not None)
        assert controller.training.data_name == (name or path)
        assert made.data_combo.currentText() == ("MNIST handwritten digits" if name else "mnist")
        controller.shutdown()

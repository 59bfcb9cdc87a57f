"""Networks of other programs come into the window by menu and drop, and are unsaved until they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from engine.formats.imports import usual_suffixes
from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control import files as files_module
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.question import Answer
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow

XOR = "2 1 2 1 -1.777 -5.734 -6.029 -4.460 -3.261 -3.172 2.444 -6.581 5.826\n"


@pytest.fixture
def window(qtbot: QtBot, settings: Settings, look: Theme) -> Iterator[MainWindow]:
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    made = MainWindow(controller, settings, look)
    qtbot.addWidget(made, before_close_func=lambda _: controller.state.mark_saved())
    made.show()
    yield made
    controller.shutdown()


@pytest.fixture
def xor(tmp_path: Path) -> Path:
    path = tmp_path / "xor.ann"
    path.write_text(XOR)
    return path


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """Return the answers that the user will give about unsaved changes; each is taken once."""
    given: list[Answer] = []
    monkeypatch.setattr(files_module, "ask", lambda *words: given.pop())
    return given


def drop(window: MainWindow, path: Path) -> bool:
    """Drop a file on the window; return whether it was taken."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    copy, none, left = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(9, 9), copy, data, left, none)
    QApplication.sendEvent(window, enter)
    if enter.isAccepted():
        QApplication.sendEvent(window, QDropEvent(QPointF(9, 9), copy, data, left, none))
    return enter.isAccepted()


def test_a_dropped_network_is_open_and_not_saved_yet(window: MainWindow, xor: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.controller.message) as told:
        assert drop(window, xor)
        qtbot.waitUntil(lambda: window.controller.model.name == "xor")
    assert told.args[0].startswith("Imported xor.ann as Genann; it is not saved yet. The file does not name")
    assert window.controller.is_modified
    assert window.controller.path is None
    assert not window.controller.can_undo
    assert window.controller.model.spec.input_shape == (1, 2, 1)


def test_the_menu_offers_every_kind_that_can_come_in(
    window: MainWindow, xor: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def choose(parent: object, title: str, folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return str(xor), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    window.commands["import"].trigger()
    qtbot.waitUntil(lambda: window.controller.model.name == "xor")
    assert all(f"*{suffix}" in asked[0] for suffix in usual_suffixes())


def test_what_cannot_be_read_leaves_the_model(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    before, path = window.controller.model, tmp_path / "bad.ann"
    path.write_text("Dear network")
    with qtbot.waitSignal(window.controller.error) as told:
        drop(window, path)
    assert "bad.ann: this is no kind of file that can come in" in told.args[0]
    assert window.controller.model is before
    assert "bad.ann" in window.messages.message


@pytest.mark.parametrize("answer", [Answer.Cancel, Answer.Discard])
def test_unsaved_changes_are_asked_about(
    answer: Answer, window: MainWindow, xor: Path, qtbot: QtBot, answers: list[Answer]
) -> None:
    controller, model = window.controller, spot_model()
    controller.state.reset(model, saved=False)
    answers.append(answer)
    drop(window, xor)
    qtbot.waitUntil(lambda: not answers)
    assert (controller.model.name == "xor") == (answer == Answer.Discard)
    assert (controller.model is model) == (answer == Answer.Cancel)


def test_only_the_last_file_is_opened(window: MainWindow, xor: Path, tmp_path: Path, qtbot: QtBot) -> None:
    other = tmp_path / "other.ann"
    other.write_text(XOR)
    opened: list[str] = []
    window.controller.opened.connect(lambda: opened.append(window.controller.model.name))
    window.controller.imports.start(xor)
    window.controller.imports.start(other)
    qtbot.waitUntil(lambda: opened == ["other"])


def test_saved_it_is_a_file_like_any_other(
    window: MainWindow, xor: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    drop(window, xor)
    qtbot.waitUntil(lambda: window.controller.model.name == "xor")
    window.controller.save_file(tmp_path / "mine.tinyml")
    assert not window.controller.is_modified
    assert model_file.load(tmp_path / "mine.tinyml").spec == window.controller.model.spec


def test_other_files_are_not_taken_for_networks(window: MainWindow, tmp_path: Path) -> None:
    assert not drop(window, tmp_path / "notes.odt")

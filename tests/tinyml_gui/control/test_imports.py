"""Networks of other programs come into the window by menu and drop, and are unsaved until they are saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from engine.formats.imports import usual_suffixes
from engine.formats.weight_files.write import npz_bytes
from engine.storage import model_file
from tests.tinyml_gui.tiny import TinyCatalogue, spot_model
from tinyml_gui.control import files as files_module
from tinyml_gui.control.controller import Controller
from tinyml_gui.control.files import FileController
from tinyml_gui.document.settings import Settings
from tinyml_gui.drawing.paste_and_drop import model_of
from tinyml_gui.look.actions import Actions
from tinyml_gui.look.question import Answer
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow

XOR = "2 1 2 1 -1.777 -5.734 -6.029 -4.460 -3.261 -3.172 2.444 -6.581 5.826\n"


@pytest.fixture
def controller(settings: Settings, qtbot: QtBot) -> Iterator[Controller]:
    made = Controller(settings, TinyCatalogue(), np.random.default_rng(3))
    yield made
    made.shutdown()


@pytest.fixture
def holder(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def actions(holder: QWidget) -> Actions:
    return Actions(holder)


@pytest.fixture
def files(holder: QWidget, actions: Actions, controller: Controller, settings: Settings) -> FileController:
    return FileController(holder, actions, controller, settings)


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


def mime_of(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def drop(window: MainWindow, path: Path) -> None:
    """Drop a file on the window."""
    data, place = mime_of(path), QPoint(9, 9)
    copy, none, left = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(place, copy, data, left, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(place), copy, data, left, none))


def test_dropped_on_the_window_a_network_opens_and_a_bad_file_is_told(
    controller: Controller, settings: Settings, look: Theme, xor: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window, bad = MainWindow(controller, settings, look), tmp_path / "bad.ann"
    qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
    window.show()
    drop(window, xor)
    qtbot.waitUntil(lambda: controller.model.name == "xor")
    assert window.messages.message.startswith("Imported xor.ann as Genann; it is not saved yet.")
    bad.write_text("Dear network")
    drop(window, bad)
    qtbot.waitUntil(lambda: "bad.ann: this is no kind of file" in window.messages.message)
    assert controller.model.name == "xor"


def test_what_came_in_is_not_saved_yet(
    files: FileController, controller: Controller, xor: Path, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(controller.message) as told:
        files.open(xor)
    assert "it is not saved yet. The file does not name its activation functions" in told.args[0]
    assert controller.is_modified
    assert controller.path is None
    assert not controller.can_undo
    assert controller.model.spec.input_shape == (1, 2, 1)


def test_the_menu_offers_every_kind_that_can_come_in(
    files: FileController,
    actions: Actions,
    controller: Controller,
    xor: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def choose(parent: object, title: str, folder: str, kinds: str) -> tuple[str, str]:
        asked.append(kinds)
        return str(xor), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    actions["import"].trigger()
    qtbot.waitUntil(lambda: controller.model.name == "xor")
    assert all(f"*{suffix}" in asked[0] for suffix in usual_suffixes())


@pytest.mark.parametrize("answer", [Answer.Cancel, Answer.Discard])
def test_unsaved_changes_are_asked_about(
    answer: Answer,
    files: FileController,
    controller: Controller,
    xor: Path,
    qtbot: QtBot,
    answers: list[Answer],
) -> None:
    model = spot_model()
    controller.state.reset(model, saved=False)
    answers.append(answer)
    files.open(xor)
    qtbot.waitUntil(lambda: not answers)
    assert (controller.model.name == "xor") == (answer == Answer.Discard)
    assert (controller.model is model) == (answer == Answer.Cancel)


def test_a_file_that_cannot_be_used_is_not_asked_about(
    files: FileController, controller: Controller, tmp_path: Path, qtbot: QtBot, answers: list[Answer]
) -> None:
    controller.state.reset(spot_model(), saved=False)
    (tmp_path / "bad.ann").write_text("Dear network")
    with qtbot.waitSignal(controller.error):  # an answer would be missing
        files.open(tmp_path / "bad.ann")


def test_only_the_last_file_is_opened(
    files: FileController, controller: Controller, xor: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    other, opened = tmp_path / "other.ann", list[str]()
    other.write_text(XOR)
    controller.opened.connect(lambda: opened.append(controller.model.name))
    files.open(xor)
    files.open(other)
    qtbot.waitUntil(lambda: opened == ["other"])


def test_weights_alone_are_for_the_network_that_is_open(
    files: FileController, controller: Controller, tmp_path: Path, qtbot: QtBot
) -> None:
    model = spot_model()
    controller.state.reset(model)
    (tmp_path / "net.npz").write_bytes(npz_bytes(model.replace(params=model.params * 2)))
    files.open(tmp_path / "net.npz")
    qtbot.waitUntil(lambda: controller.model.name == "net")
    assert (controller.model.spec, controller.model.classes) == (model.spec, model.classes)
    np.testing.assert_array_equal(controller.model.params, model.params * 2)


def test_saved_it_is_a_file_like_any_other(
    files: FileController, controller: Controller, xor: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    files.open(xor)
    qtbot.waitUntil(lambda: controller.model.name == "xor")
    controller.save_file(tmp_path / "mine.tinyml")
    assert not controller.is_modified
    assert model_file.load(tmp_path / "mine.tinyml").spec == controller.model.spec


@pytest.mark.parametrize("suffix", [".tinyml", *usual_suffixes()])
def test_a_dragged_network_is_known_by_its_suffix(suffix: str) -> None:
    assert model_of(mime_of(Path(f"net{suffix.upper()}"))) is not None
    assert model_of(mime_of(Path("notes.odt"))) is None

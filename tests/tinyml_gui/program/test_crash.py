from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QThread
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine.errors import FieldError
from engine.storage import model_file
from tinyml_gui.program.crash import CrashDialog, CrashHandler

CHECKOUT = Path(__file__).resolve().parents[3]
PLACE = Path("recovered.tinyml")

Dialogs = Callable[[], list[CrashDialog]]


class Kept:
    """A rescue that remembers, or fails."""

    def __init__(self) -> None:
        self.paths: list[Path] = []
        self.fault: Exception | None = None

    def __call__(self, path: Path) -> None:
        self.paths.append(path)
        if self.fault:
            raise self.fault


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def handler(window: QWidget, kept: Kept) -> Iterator[CrashHandler]:
    made = CrashHandler(kept, PLACE, window)
    made.install()
    yield made
    made.uninstall()


@pytest.fixture
def dialogs(window: QWidget) -> Dialogs:
    """What is open on this test's window."""
    return lambda: [found for found in window.findChildren(CrashDialog) if found.isVisible()]


def throw(error: BaseException) -> None:
    """Let `error` reach the hook as PySide does from a slot."""
    try:
        raise error
    except BaseException as caught:
        sys.excepthook(type(caught), caught, caught.__traceback__)


def test_a_fault_shows_details_to_copy_and_saves_the_model(
    handler: CrashHandler, dialogs: Dialogs, kept: Kept
) -> None:
    throw(RuntimeError("the tenth wheel"))
    (dialog,) = dialogs()
    dialog.copy()
    assert "the tenth wheel" in QGuiApplication.clipboard().text()
    assert "Traceback" in dialog.details
    assert kept.paths == [PLACE]


def test_a_model_that_cannot_be_saved_does_not_hide_the_fault(
    handler: CrashHandler, dialogs: Dialogs, kept: Kept
) -> None:
    kept.fault = OSError("disk full")
    throw(RuntimeError("first"))
    assert len(dialogs()) == 1


def test_many_faults_share_one_dialog(handler: CrashHandler, dialogs: Dialogs) -> None:
    for number in range(5):
        throw(RuntimeError(f"fault {number}"))
    (dialog,) = dialogs()
    assert "fault 0" in dialog.details
    assert "fault 4" in dialog.details


def test_what_the_user_caused_is_a_sentence(handler: CrashHandler, dialogs: Dialogs, kept: Kept) -> None:
    said: list[str] = []
    handler.refused.connect(said.append)
    throw(FieldError("epochs", "Epochs must be at least 1, got 0."))
    assert said == ["Epochs must be at least 1, got 0."]
    assert dialogs() == []
    assert kept.paths == []


def test_a_fault_of_another_thread_is_told_in_the_windows_thread(
    handler: CrashHandler, dialogs: Dialogs, qtbot: QtBot
) -> None:
    threads: list[bool] = []

    def note(_: str) -> None:
        threads.append(QThread.currentThread() is QApplication.instance().thread())  # type: ignore[union-attr]

    handler.crashed.connect(note)
    worker = threading.Thread(target=lambda: 1 / 0)
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: len(dialogs()) == 1)
    assert "ZeroDivisionError" in dialogs()[0].details
    assert threads == [True]


def test_a_fault_while_a_fault_is_told_ends_there(
    handler: CrashHandler,
    dialogs: Dialogs,
    kept: Kept,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(dialog: CrashDialog) -> None:
        throw(RuntimeError("no dialog today"))
        raise OSError("none at all")

    monkeypatch.setattr(CrashDialog, "open", fail)
    told: list[str] = []
    handler.crashed.connect(told.append)
    throw(RuntimeError("the tenth wheel"))
    assert len(kept.paths) == len(told) == 1
    printed = capsys.readouterr().err
    assert all(words in printed for words in ("tenth wheel", "no dialog today", "none at all"))


SCRIPT = """
import os, sys
from pathlib import Path
from PySide6.QtCore import QSettings, QTimer
from tinyml_gui.document.settings import Settings
from tinyml_gui.program import app
from tinyml_gui.program.crash import CrashDialog

folder, made, create_window = Path(sys.argv[1]), [], app.create_window

def create(application):
    store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    made.append(create_window(application, Settings(store), folder))
    made[0].painted.connect(lambda: QTimer.singleShot(0, fail))
    return made[0]

def fail():
    QTimer.singleShot(0, look)
    made[0].controller.use_preset("mlp-32-32")
    raise RuntimeError("the tenth wheel")

def look():
    shown = [dialog for dialog in made[0].findChildren(CrashDialog) if dialog.isVisible()]
    os._exit(7 if "the tenth wheel" in shown[0].details else 1)

app.create_window = create
app.main([])
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_the_model_is_saved_and_the_fault_shown_where_nothing_can_be_printed(
    stderr: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$@" {stderr}', "sh", sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=CHECKOUT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        timeout=60,
        check=False,
    )
    assert ended.returncode == 7
    (saved,) = tmp_path.rglob("model.tinyml")
    assert model_file.load(saved).name == "mlp-32-32"

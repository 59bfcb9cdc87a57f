from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.nn.layers import Dense
from engine.storage import model_file
from engine.terminal.signals import ending_signals
from tests.tinyml_gui.tiny import TinyCatalogue
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.edits import add_layer
from tinyml_gui.document.recovery import RecoveryFiles
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme
from tinyml_gui.main_window import MainWindow
from tinyml_gui.program.interrupt import Interrupt

CHECKOUT = Path(__file__).resolve().parents[3]
IDLE = """
import sys
from PySide6.QtCore import QCoreApplication, QTimer
from tinyml_gui.program.interrupt import Interrupt
app = QCoreApplication([])
interrupt = Interrupt(lambda: app.exit(7))
QTimer.singleShot(0, lambda: print("ready", flush=True))
code = app.exec()
interrupt.remove()
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("number", ending_signals())
def test_an_idle_program_hears_signals_at_once(number: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", IDLE], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    program.send_signal(number)
    program.communicate(timeout=20)
    assert program.returncode == 7


def test_removing_leaves_signals_as_they_were(qapp: QApplication) -> None:
    before = signal.getsignal(signal.SIGINT)
    Interrupt(lambda: None).remove()
    assert signal.getsignal(signal.SIGINT) is before


def test_ending_now_asks_nothing_and_keeps_what_is_unsaved(
    qtbot: QtBot, settings: Settings, look: Theme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(QApplication, "exit", codes.append)
    recovery_files = RecoveryFiles(tmp_path)
    controller = Controller(settings, TinyCatalogue(), np.random.default_rng(3), recovery_files)
    window = MainWindow(controller, settings, look)
    qtbot.addWidget(window, before_close_func=lambda _: controller.state.mark_saved())
    controller.edit(add_layer(controller.model.spec, len(controller.model.spec.layers), Dense(10)))
    window.end_now()
    assert codes == [130]
    assert model_file.load(recovery_files.model).spec == controller.model.spec
    controller.shutdown()
    assert recovery_files.model.exists()

"""The real window with settings of its own, for benchmarks that work it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from engine.training.config import TrainConfig
from tinyml_gui.document.settings import Settings
from tinyml_gui.main_window import MainWindow
from tinyml_gui.panels.pages import PAGES
from tinyml_gui.program.app import create_window, interpreter_set_up

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 300.0  # s


@contextmanager
def studio() -> Iterator[MainWindow]:
    """Show the window with the Train page, where the most is drawn while training."""
    shared = CHECKOUT.parent / "shared" / "data"
    if shared.is_dir():
        os.environ.setdefault("TINYML_DATA", str(shared))
    app = QApplication.instance() or QApplication(["benchmark"])
    assert isinstance(app, QApplication)
    with interpreter_set_up(), TemporaryDirectory() as folder:
        store = QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat)
        window = create_window(app, Settings(store))
        window.resize(1240, 820)
        window.show_page([page.name for page in PAGES].index("Train"))
        window.show()
        spin(0.5)
        yield window
        window.controller.shutdown()
        window.hide()


def train(window: MainWindow, data: str, preset: str, config: TrainConfig) -> None:
    """Start training as the Train page does and wait until it runs."""
    training = window.controller.training
    training.choose_data(data)
    wait(lambda: not training.loading)
    if training.obstacle(preset):
        raise SystemExit(training.obstacle(preset))
    training.start(preset, config)
    wait(lambda: training.run.status.epoch > 0)


def data_name(window: MainWindow, wanted: str) -> str:
    """Return `wanted` where it is present, else the starter set."""
    return wanted if wanted in window.controller.training.catalogue.present() else "starter"


def spin(seconds: float) -> None:
    """Let the window live for some time."""
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


def wait(done: Callable[[], bool]) -> None:
    """Let the window live until `done`."""
    until = time.monotonic() + PATIENCE
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)
        if time.monotonic() > until:
            raise SystemExit("The benchmark waited too long.")

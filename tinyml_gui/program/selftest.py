"""Try the whole program by itself: draw, classify, train, save, export; for installers and bundles.

It opens the real window, with settings in a temporary folder, and sends it real mouse events. Every step
prints a line. The first fault ends the process with a sentence, and a watchdog ends a process that hangs.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEventLoop, QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

import resources
from engine.temporary import work_folder
from tinyml_gui.document.settings import Settings

if TYPE_CHECKING:
    from tinyml_gui.background.deploy_jobs import ExportOrder
    from tinyml_gui.background.worker import JobOutcome
    from tinyml_gui.main_window import MainWindow

    #: Makes the window, not yet shown, from its settings and the folder for unsaved models.
    MakeWindow = Callable[[QApplication, Settings, Path], MainWindow]

__all__ = ["SelfTestError", "draw", "run"]

_WATCHDOG_SECONDS: Final = 180.0
_STEP_SECONDS: Final = 45.0
_BATCHES: Final = 5
#: A seven, in shares of the canvas' side.
SEVEN: Final = ((0.27, 0.22), (0.70, 0.22), (0.46, 0.80))
_STEPS_A_LINE: Final = 14


class SelfTestError(Exception):
    """A step did not do what it should; one sentence."""


def run(app: QApplication, make_window: MakeWindow) -> int:
    """Try everything; return 0, or 1 after saying what failed."""
    watchdog = threading.Timer(_WATCHDOG_SECONDS, _give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        with work_folder() as folder:
            SelfTest(app, folder, make_window).run()
    except SelfTestError as error:
        _say(f"The self-test failed: {error}")
        return 1
    except Exception as error:
        traceback.print_exc()
        _say(f"The self-test failed by a fault of the program: {type(error).__name__}: {error}")
        return 1
    finally:
        watchdog.cancel()
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
    _say("The self-test passed.")
    return 0


def draw(canvas: QWidget) -> None:
    """Draw a seven with the left button, as a hand would."""
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(canvas, left, pos=_on(canvas, *SEVEN[0]))
    for (x0, y0), (x1, y1) in pairwise(SEVEN):
        for part in range(1, _STEPS_A_LINE + 1):
            share = part / _STEPS_A_LINE
            QTest.mouseMove(canvas, _on(canvas, x0 + (x1 - x0) * share, y0 + (y1 - y0) * share))
    QTest.mouseRelease(canvas, left, pos=_on(canvas, *SEVEN[-1]))


def _on(canvas: QWidget, x: float, y: float) -> QPoint:
    """Return where shares of the square in the canvas' middle are."""
    side = min(canvas.width(), canvas.height())
    left, top = (canvas.width() - side) / 2, (canvas.height() - side) / 2
    return QPoint(round(left + x * side), round(top + y * side))


class SelfTest:
    """One pass through the program.

    Parameters
    ----------
    app : QApplication
    folder : Path
        Everything is written here: settings, model, C.
    make_window : callable
    """

    def __init__(self, app: QApplication, folder: Path, make_window: MakeWindow) -> None:
        self._app = app
        self._folder = folder
        self._faults: list[BaseException] = []
        self._answers: list[object] = []
        self._window = self._open(make_window)
        self._controller = self._window.controller

    def run(self) -> None:
        """Do all steps, then close the window."""
        try:
            for step in (self._painted, self._drawn, self._trained, self._saved, self._exported):
                _say(f"passed: {step()}")
                self._raise_faults()
            if not self._window.close():
                raise SelfTestError("the window refused to close.")
            _say("passed: the window closed")
        finally:
            self._controller.shutdown()

    def _open(self, make_window: MakeWindow) -> MainWindow:
        sys.excepthook = self._caught
        threading.excepthook = self._caught_in_thread
        store = QSettings(str(self._folder / "settings.ini"), QSettings.Format.IniFormat)
        return make_window(self._app, Settings(store), self._folder / "data")

    # Steps: each returns what passed

    def _painted(self) -> str:
        painted: list[bool] = []
        self._window.painted.connect(lambda: painted.append(True))
        self._window.show()
        self._wait(lambda: bool(painted), "the window was never painted.")
        return f"the window opened on platform {self._app.platformName()}"

    def _drawn(self) -> str:
        panel = self._window.draw_panel
        panel.answered.connect(self._answers.append)
        draw(panel.canvas)
        self._wait(lambda: bool(self._answers), "drawing gave no answer.")
        shown = panel.top_label.text()
        if shown not in self._controller.model.classes:
            raise SelfTestError(f"no class was shown for a drawn 7: {panel.sentence_label.text() or shown}")
        if resources.exists("models/digits.tinyml") and shown != "7":
            raise SelfTestError(f"a drawn 7 was classified as {shown}.")
        return f"a drawn 7 was classified as {shown} ({panel.percent_label.text()})"

    def _trained(self) -> str:
        from engine.training.config import TrainConfig
        from tinyml_gui.control.training import CONTINUE

        training = self._controller.training
        training.choose_data("starter")
        self._wait(lambda: not training.loading, "the starter data were never read.")
        if obstacle := training.obstacle(CONTINUE):
            raise SelfTestError(obstacle)
        answers = len(self._answers)
        training.start(CONTINUE, TrainConfig(epochs=50, batch_size=64, learning_rate=0.01))
        steps: list[float] = []
        training.changed.connect(lambda: steps.append(training.run.status.loss))
        self._wait(lambda: sum(map(math.isfinite, steps)) >= _BATCHES, "training did not start.")
        self._wait(lambda: len(self._answers) > answers, "the canvas did not answer while training.")
        training.stop()
        self._wait(lambda: not training.is_running, "training did not stop.")
        status = training.run.status
        if not math.isfinite(status.loss):
            raise SelfTestError(f"training ended without a loss: {status.sentence}")
        speed = f"{status.images_per_second:,.0f} images/s"
        return f"trained on {training.data_name}, loss {status.loss:.3f}, {speed}"

    def _saved(self) -> str:
        path = self._folder / "self-test.tinyml"
        refused: list[str] = []
        self._controller.error.connect(refused.append)
        self._controller.save_file(path)
        if refused or not path.is_file():
            raise SelfTestError(refused[0] if refused else f"{path.name} was not written.")
        return f"saved {path.name}, {path.stat().st_size:,} bytes"

    def _exported(self) -> str:
        from engine.export import FORMATS, ExportOptions
        from tinyml_gui.background.deploy_jobs import ExportOrder

        training, quantization = self._controller.training, self._controller.quantization
        self._wait(lambda: not training.is_testing, "the trained model was never tested.")
        quantization.prepare()
        self._wait(lambda: not quantization.is_running, "the model was never ready for int8.")
        model, data = self._controller.model, training.data
        if model.quantization is None:
            raise SelfTestError(f"the model could not be brought to int8: {quantization.error}")
        names = []
        for name in FORMATS:
            order = ExportOrder(model, name, ExportOptions(), self._folder / name, data)
            names += self._export(order)
        return f"exported {', '.join(names)}"

    def _export(self, order: ExportOrder) -> list[str]:
        """Write the files of `order` as the Deploy page does; return what they are called."""
        from engine.errors import ExportError, MissingToolError
        from engine.export import FORMATS

        ended: list[JobOutcome] = []
        self._controller.deployment.export(order, ended.append)
        self._wait(lambda: bool(ended), "exporting did not end.")
        result = ended[0].result
        is_foreign = not FORMATS[order.format].has_facts
        if is_foreign and isinstance(ended[0].error, (ExportError, MissingToolError)):
            return []  # it need not be able to express the network, and may need a package of an extra
        if result is None or not all(path.stat().st_size for path in result.paths):
            raise SelfTestError(f"exporting {order.format} wrote nothing: {ended[0].error}")
        return [f"{order.format}/{path.name}" for path in result.paths]

    # Waiting and faults

    def _wait(self, done: Callable[[], bool], complaint: str) -> None:
        until = time.monotonic() + _STEP_SECONDS
        while not done():
            self._app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            self._raise_faults()
            if time.monotonic() > until:
                raise SelfTestError(complaint)
            time.sleep(0.002)

    def _raise_faults(self) -> None:
        if self._faults:
            raise self._faults[0]

    def _caught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._faults.append(error)

    def _caught_in_thread(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._faults.append(arguments.exc_value)


def _give_up() -> None:
    """End the process from the watchdog's thread, whatever the window's thread hangs in."""
    _say(f"The self-test failed: it did not end within {_WATCHDOG_SECONDS:.0f} s.")
    os._exit(1)


def _say(line: str) -> None:
    if sys.stdout is not None:  # a program without a console has none
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

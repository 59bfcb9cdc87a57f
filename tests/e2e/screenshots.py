"""Pictures of every page, in both themes and at several sizes, to be looked at by a person.

Run by hand: ``python -m tests.e2e.screenshots FOLDER`` opens the real program for each size, with a drawing,
a short training and a short sweep, and writes ``PAGE-THEME-SIZE.png``. ``--empty`` shows the pages as they
are at the first start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyml_gui.main_window import MainWindow

THEMES = ("light", "dark")
SIZES = {"1280x720": (1280, 720, 1.0), "1920x1080": (1920, 1080, 1.0), "1280x720-at-2": (1280, 720, 2.0)}
PATIENCE = 120_000  # ms
MOMENT = 600  # ms in which the window shows what has changed


def main() -> int:
    """Start a program for each size, because a scale holds for a whole program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--empty", action="store_true", help="pages as they are at the first start")
    parser.add_argument("--size", choices=SIZES, action="append", help="default: all")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = options.size or list(SIZES)
    if options.inside:
        return _inside(options.folder, sizes[0], is_empty=options.empty)
    options.folder.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        words = [str(options.folder), "--inside", "--size", size, *(["--empty"] if options.empty else [])]
        with tempfile.TemporaryDirectory() as home:
            subprocess.run(
                [sys.executable, "-m", "tests.e2e.screenshots", *words],
                env=_environment(home, size),
                check=True,
            )
    return 0


def _environment(home: str, size: str) -> dict[str, str]:
    own = {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "QT_SCALE_FACTOR": str(SIZES[size][2])}
    return {"QT_QPA_PLATFORM": "offscreen", **os.environ, **own}


def _inside(folder: Path, size: str, *, is_empty: bool) -> int:
    from tinyml_gui.panels.pages import PAGES
    from tinyml_gui.program import app as program

    application = program._make_application()
    window = program.create_window(application)
    window.resize(*SIZES[size][:2])
    window.show()
    _let_go_on(MOMENT)
    if not is_empty:
        _fill(window)
    for theme in THEMES:
        window.commands[f"theme_{theme}"].trigger()
        for index, page in enumerate(PAGES):
            window.show_page(index)
            _let_go_on(MOMENT)
            kind = "empty-" if is_empty else ""
            window.grab().save(str(folder / f"{page.name}-{kind}{theme}-{size}.png"))
    os._exit(0)  # without the questions of a window that closes


def _fill(window: MainWindow) -> None:
    """Draw, train a little, and train a small sweep."""
    from engine.training.config import TrainConfig
    from tinyml_gui.drawing.canvas import Canvas
    from tinyml_gui.panels.pages import PAGES
    from tinyml_gui.panels.sweep.panel import SweepPanel
    from tinyml_gui.program.selftest import draw
    from tinyml_gui.viewmodels.starts import CONTINUE

    for index in range(len(PAGES)):  # a page looks for its data when it is first shown
        window.show_page(index)
        _let_go_on(MOMENT)
    controller = window.controller
    _until(lambda: controller.training.data is not None)
    canvas = window.findChild(Canvas)
    assert canvas is not None
    draw(canvas)
    controller.training.start(CONTINUE, TrainConfig(epochs=3, learning_rate=1e-3))
    _until(lambda: not controller.training.is_running)
    sweep = window.findChild(SweepPanel)
    assert sweep is not None
    sweep.definition.preset.setCurrentIndex(1)
    sweep.definition.start_button.click()
    _until(lambda: not controller.sweep.is_running)
    controller.evaluation.start(int8=False)
    _until(lambda: not controller.evaluation.is_running)
    controller.sweep.choose(controller.sweep.results and controller.sweep.results.best)


def _until(done: Callable[[], bool]) -> None:
    waited = 0
    while not done() and waited < PATIENCE:
        _let_go_on(MOMENT)
        waited += MOMENT


def _let_go_on(milliseconds: int) -> None:
    """Let the window work; `QTest.qWait` would hold Python's lock meanwhile."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    raise SystemExit(main())

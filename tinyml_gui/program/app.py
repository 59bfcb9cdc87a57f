"""Start the application: checks first, then Qt, then the window. Imports come late to start fast."""

from __future__ import annotations

import os
import sys

# Before NumPy is imported anywhere: BLAS's own threads slow small networks down; the engine has its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gc
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tinyml_gui.program.stderr import print_error

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from tinyml_gui.document.settings import Settings
    from tinyml_gui.main_window import MainWindow

__all__ = ["create_window", "interpreter_set_up", "main"]

_NAME = "TinyML Studio"
_SWITCH_INTERVAL = 0.0005  # s; Python work on the worker otherwise holds the window up for 200 ms


def main(argv: Sequence[str] | None = None) -> int:
    """Run the application; return 0, 1 when the self-test failed, 2 when it cannot start."""
    options = _parse(sys.argv[1:] if argv is None else argv)
    problem = _packages_problem() or _qt_problem()
    if problem:
        print_error(problem)
        return 2
    app = _make_application()
    with interpreter_set_up():
        if options.self_test:
            from tinyml_gui.program.selftest import run

            return run(app, create_window)
        return _run(app, options.file)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *arguments: object) -> None:
        from engine import __version__

        parser.exit(message=f"{_NAME} {__version__}\n")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tinyml-gui", description="Draw a character, train a network on it, export C."
    )
    parser.add_argument("file", nargs="?", type=Path, help="a .tinyml file to open")
    parser.add_argument(
        "--self-test", action="store_true", help="draw, classify, train and export by itself, then exit"
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    return parser.parse_args(arguments)


def _packages_problem() -> str:
    """Return a sentence where a package of another folder hides one of ours; else an empty text."""
    home = Path(__file__).resolve().parents[2]
    for name in ("engine", "resources"):
        try:
            found = importlib.import_module(name).__path__
        except ImportError:
            return (
                f"The package {name} is missing beside {home / 'tinyml_gui'}; install the application again."
            )
        if not any(Path(folder).resolve().parent == home for folder in found):
            return (
                f"The folder {Path(next(iter(found)))} hides the application's own {name}; start the program "
                "from another folder, or with the command tinyml-gui."
            )
    return ""


def _qt_problem() -> str:
    from tinyml_gui.program import system_check

    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as error:
        return system_check.import_problem(error)
    return system_check.display_problem()


def _make_application() -> QApplication:
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("TinyML Studio")
    app.setOrganizationName("TinyML Studio")
    app.setDesktopFileName("tinyml-studio")
    return app


@contextmanager
def interpreter_set_up() -> Iterator[None]:
    """Let threads take turns often, and collect reference cycles only on this thread, the window's.

    Python collects on whichever thread allocates. A worker that does so destroys widgets, and Qt crashes
    where the window uses them just then.
    """
    from pyqtgraph.util.garbage_collector import GarbageCollector

    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    collector = GarbageCollector()
    try:
        yield
    finally:
        collector.timer.stop()
        gc.enable()
        sys.setswitchinterval(interval)


def create_window(
    app: QApplication, settings: Settings | None = None, folder: Path | None = None
) -> MainWindow:
    """Build the window with all that it needs, not yet shown.

    `settings` and the `folder` for unsaved models and the history of runs are the user's when left out.
    """
    from engine.runs.history import runs_folder
    from tinyml_gui.control.controller import Controller
    from tinyml_gui.document.recovery import RecoveryFiles
    from tinyml_gui.document.settings import Settings
    from tinyml_gui.look.theme_switch import Theme
    from tinyml_gui.main_window import MainWindow

    settings = Settings() if settings is None else settings
    look = Theme(app, settings.theme)
    controller = Controller(settings, recovery_files=RecoveryFiles(folder or _data_folder()))
    controller.training.runs = runs_folder() if folder is None else folder / "runs"
    return MainWindow(controller, settings, look)


def _data_folder() -> Path:
    """Return where the application keeps files of its own."""
    from PySide6.QtCore import QStandardPaths

    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation))


def _run(app: QApplication, file: Path | None) -> int:
    from tinyml_gui.program.crash import CrashHandler
    from tinyml_gui.program.interrupt import Interrupt

    window = create_window(app)
    assert window.controller.recovery_files is not None
    handler = CrashHandler(window.rescue, window.controller.recovery_files.model, window)
    handler.refused.connect(window.messages.show_error)
    handler.install()
    interrupt = Interrupt(window.end_now, window)
    window.show()
    if file is not None:
        window.files.open(file)
    code = app.exec()
    interrupt.remove()
    handler.uninstall()
    return code

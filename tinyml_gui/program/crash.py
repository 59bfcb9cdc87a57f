"""Saves the model after an unexpected exception, then reports the exception.

Exceptions of slots, timers and paint events reach `sys.excepthook`, those of threads
`threading.excepthook`, each in the thread in which it happened. A signal passes both on to the window's
thread. There the model is written to a recovery file. Only then is anything reported: on stderr, which may be
closed, full or missing, and in a dialog. No step depends on another one, and a fault of a report is not
reported by the same report again. A fault that the user caused is a sentence, not a crash.
"""

from __future__ import annotations

import platform
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from engine.errors import TinyMLError
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import button, muted, section
from tinyml_gui.program.stderr import print_error

__all__ = ["CrashDialog", "CrashHandler"]


class CrashHandler(QObject):
    """Catches what nothing else caught.

    Parameters
    ----------
    rescue : callable
        Writes the model to the path given.
    path : Path
        Where the model goes.
    parent : QWidget or None
        The dialog's parent.

    Signals
    -------
    refused(str)
        A fault that the user caused was caught nowhere else; its sentence.
    crashed(str)
        Any other exception; the details.
    """

    refused = Signal(str)
    crashed = Signal(str)
    _caught = Signal(object)

    def __init__(self, rescue: Callable[[Path], None], path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rescue = rescue
        self._path = path
        self._window = parent
        self._dialog: CrashDialog | None = None
        self._is_handling = False
        self._caught.connect(self._handle)

    def install(self) -> None:
        """Catch from now on."""
        sys.excepthook = self._hook
        threading.excepthook = self._thread_hook

    def uninstall(self) -> None:
        """Leave exceptions to Python again."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QGuiApplication.quit()
            return
        self._caught.emit(error)

    def _thread_hook(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self._caught.emit(arguments.exc_value)

    @Slot(object)
    def _handle(self, error: BaseException) -> None:
        """Handle one fault at a time: one that is met while another is being handled is only printed."""
        if self._is_handling:
            print_error(_details(error))
            return
        self._is_handling = True
        try:
            self._tell(error)
        finally:
            self._is_handling = False

    def _tell(self, error: BaseException) -> None:
        if isinstance(error, TinyMLError):
            self.refused.emit(str(error))
            return
        saved = self._save()
        details = _details(error)
        print_error(details)
        try:
            self._show(details, saved)
        except Exception as fault:  # Qt itself may be what is at fault
            print_error(_details(fault))
        self.crashed.emit(details)

    def _show(self, details: str, saved: str) -> None:
        if self._dialog is not None and self._dialog.isVisible():
            self._dialog.add(details)
        else:
            self._dialog = CrashDialog(details, saved, self._window)
            self._dialog.open()

    def _save(self) -> str:
        """Write the recovery file; say what became of it."""
        path = self._path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rescue(path)
        except Exception as error:
            return f"The model could not be copied to {path}: {error}"
        return f"A copy of the model was saved as {path}."


def _details(error: BaseException) -> str:
    trace = "".join(traceback.format_exception(error))
    return f"Python {platform.python_version()}, {platform.platform()}\n{trace}"


class CrashDialog(QDialog):
    """Tells what happened, where the model is, and gives the details to copy."""

    def __init__(self, details: str, saved: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.setWindowTitle("Something went wrong")
        self.resize(640, 420)
        self._text = QPlainTextEdit(details)
        self._text.setReadOnly(True)
        self._text.setAccessibleName("Details")
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.PAGE_MARGIN] * 4)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addWidget(section("The program met a fault of its own"))
        column.addWidget(
            muted(f"{saved} You can go on working; if something looks wrong, restart.", wrap=True)
        )
        column.addWidget(self._text, stretch=1)
        column.addLayout(self._buttons())

    @property
    def details(self) -> str:
        """What can be copied."""
        return self._text.toPlainText()

    def add(self, details: str) -> None:
        """Show one more fault; what is shown stays limited."""
        self._text.setPlainText(f"{self.details}\n{details}"[-20_000:])

    def copy(self) -> None:
        """Put the details on the clipboard."""
        QGuiApplication.clipboard().setText(self.details)

    def _buttons(self) -> QHBoxLayout:
        copy, close = button("Copy details"), button("Go on", "primary")
        copy.clicked.connect(self.copy)
        close.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addStretch()
        row.addWidget(copy)
        row.addWidget(close)
        close.setDefault(True)
        return row

"""Ends the program on Ctrl+C, SIGTERM and SIGHUP, although Qt's event loop does not run Python by itself.

The system writes each signal's number into a socket, which wakes the event loop; Python then gets to run
its handler.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier

from engine.terminal.signals import ending_signals

__all__ = ["Interrupt"]


class Interrupt(QObject):
    """Calls `ended` in the window's thread when the program is told to end, until `remove`."""

    def __init__(self, ended: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ended = ended
        self._heard, self._woken = socket.socketpair()
        for end in (self._heard, self._woken):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._heard.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._wake)
        self._wakeup = signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)
        self._before: dict[signal.Signals, Any] = {
            number: signal.signal(number, self._handle) for number in ending_signals()
        }

    def remove(self) -> None:
        """Restore the signal handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        self._notifier.setEnabled(False)
        for end in (self._heard, self._woken):
            end.close()

    def _wake(self) -> None:
        with suppress(BlockingIOError):
            self._heard.recv(64)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._ended()

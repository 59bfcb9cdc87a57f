"""Drops the mouse events that a pen sends besides its own, which would double its points.

Qt makes none of a pen event that was accepted, but systems and drivers do: of the same movement, at the same
time or a little later, without the pen's pressure.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QInputDevice, QMouseEvent, QTabletEvent
from PySide6.QtWidgets import QWidget

__all__ = ["PenEcho"]

_Device: Final = QInputDevice.DeviceType
_REAL: Final = Qt.MouseEventSource.MouseEventNotSynthesized


class PenEcho(QObject):
    """Watches the events of `target`."""

    def __init__(self, target: QWidget) -> None:
        super().__init__(target)
        self._is_down = False
        self._was_last = False  # the pen, of all that points
        target.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the pen's events and drop their echoes."""
        if isinstance(event, QTabletEvent):
            self._was_last = True
            if event.type() != QEvent.Type.TabletMove:
                self._is_down = event.type() == QEvent.Type.TabletPress
            return False
        return isinstance(event, QMouseEvent) and self._is_echo(event)

    def _is_echo(self, event: QMouseEvent) -> bool:
        kind = event.pointingDevice().type()
        if self._is_down or kind == _Device.Stylus:
            return True
        # A finger on a screen becomes a mouse too, and may draw.
        echo = self._was_last and event.source() != _REAL and kind != _Device.TouchScreen
        self._was_last = echo
        return echo

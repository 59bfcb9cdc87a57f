"""The strip at the bottom of every page while a sweep goes on."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.run_bar import RunBar

__all__ = ["SweepBar"]


class SweepBar(RunBar):
    """How far the sweep is; it is not there while none is under way."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("the sweep", "Stop the sweep and keep the networks that are done", parent)
        self._sweep = controller.sweep
        self.paused.connect(self._sweep.pause)
        self.resumed.connect(self._sweep.resume)
        self.stopped.connect(self._sweep.stop)
        self._sweep.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        sweep = self._sweep
        self.setVisible(sweep.is_running)
        self.show_run(
            sweep.bar_words,
            is_active=sweep.is_running,
            is_paused=sweep.is_paused,
            can_pause=not sweep.is_stopping,
            can_stop=not sweep.is_stopping,
        )

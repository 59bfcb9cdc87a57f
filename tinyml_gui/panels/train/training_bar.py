"""The strip at the bottom of every page while a run is under way: its progress, pause and stop."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.run_bar import RunBar
from tinyml_gui.viewmodels.training import Phase, bar_text

__all__ = ["TrainingBar"]


class TrainingBar(RunBar):
    """One line about the run, with its two buttons."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("training", "Stop training and keep what was learned", parent)
        self._training = controller.training
        self.paused.connect(self._training.pause)
        self.resumed.connect(self._training.resume)
        self.stopped.connect(self._training.stop)
        self._training.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        status = self._training.run.status
        phase = status.phase
        self.show_run(
            bar_text(status) if phase.active or phase is Phase.TESTING else "",
            is_active=phase.active,
            is_paused=phase is Phase.PAUSED,
            can_pause=phase in {Phase.STARTING, Phase.RUNNING},
            can_stop=phase is not Phase.STOPPING,
        )

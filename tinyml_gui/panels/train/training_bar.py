"""The strip at the bottom of every page while a run is under way: its progress, pause and stop."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import IconButton, label
from tinyml_gui.viewmodels.training import Phase, bar_text

__all__ = ["TrainingBar"]


class TrainingBar(QWidget):
    """One line about the run, with its two buttons."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training = controller.training
        self.text = label(role="number")
        self.text.setFont(theme.number_font())
        self.pause_button = IconButton("pause", "Pause training")
        self.resume_button = IconButton("play", "Resume training")
        self.stop_button = IconButton("stop", "Stop training and keep what was learned")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        for widget in (self.pause_button, self.resume_button, self.stop_button, self.text):
            row.addWidget(widget)
        row.addStretch()
        self.pause_button.clicked.connect(self._training.pause)
        self.resume_button.clicked.connect(self._training.resume)
        self.stop_button.clicked.connect(self._training.stop)
        self._training.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        status = self._training.run.status
        shown = status.phase.active or status.phase is Phase.TESTING
        self.text.setText(bar_text(status) if shown else "")
        paused = status.phase is Phase.PAUSED
        self.pause_button.setVisible(status.phase.active and not paused)
        self.pause_button.setEnabled(status.phase in {Phase.STARTING, Phase.RUNNING})
        self.resume_button.setVisible(paused)
        self.stop_button.setVisible(status.phase.active)
        self.stop_button.setEnabled(status.phase is not Phase.STOPPING)

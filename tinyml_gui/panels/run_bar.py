"""A strip for the bottom of every page, which is empty unless something is under way that can be paused."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.widgets import IconButton, label

__all__ = ["RunBar"]


class RunBar(QWidget):
    """One line of text, with the buttons pause, or resume, and stop.

    Parameters
    ----------
    what : str
        What is paused.
    stop : str
        What the button that stops it does.

    Signals
    -------
    paused(), resumed(), stopped()
        A button was clicked.
    """

    paused = Signal()
    resumed = Signal()
    stopped = Signal()

    def __init__(self, what: str, stop: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = label(role="number")
        self.text.setFont(theme.number_font())
        self.pause_button = IconButton("pause", f"Pause {what}")
        self.resume_button = IconButton("play", f"Resume {what}")
        self.stop_button = IconButton("stop", stop)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP)
        for widget in (self.pause_button, self.resume_button, self.stop_button, self.text):
            row.addWidget(widget)
        row.addStretch()
        self.pause_button.clicked.connect(self.paused)
        self.resume_button.clicked.connect(self.resumed)
        self.stop_button.clicked.connect(self.stopped)

    def show_run(
        self, text: str, *, is_active: bool, is_paused: bool, can_pause: bool, can_stop: bool
    ) -> None:
        """Show `text`, and while the run is active its buttons."""
        self.text.setText(text)
        self.pause_button.setVisible(is_active and not is_paused)
        self.pause_button.setEnabled(can_pause)
        self.resume_button.setVisible(is_paused)
        self.stop_button.setVisible(is_active)
        self.stop_button.setEnabled(can_stop)

"""The Train page."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from tinyml_gui.controller import Controller
from tinyml_gui.widgets import title


class TrainPanel(QWidget):
    """The Train page."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(title("Train"))
        column.addStretch()

"""What the network needs on the chosen board, in one line that follows each edit."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import name_unseen
from tinyml_gui.panels.board_picker import BoardPicker
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.panels.meters import MeterTile
from tinyml_gui.viewmodels.fit import budget, verdict

__all__ = ["BudgetStrip"]

_WIDTHS: Final = (38 * theme.GRID, 80 * theme.GRID)  # of each part, at least and at most


class BudgetStrip(QWidget):
    """The board and its memories; two lines where the window is narrow."""

    def __init__(self, deployment: DeploymentController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._deployment = deployment
        self.picker = BoardPicker(deployment)
        self.tiles = [MeterTile() for _ in budget(deployment.fit)]
        parts = (self.picker, *self.tiles)
        for part in parts:
            part.setMinimumWidth(theme.scaled(_WIDTHS[0]))
            part.setMaximumWidth(theme.scaled(_WIDTHS[1]))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(FlowGrid(parts, len(parts)))
        name_unseen(self.picker, "Board")
        deployment.fit_changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._deployment.watch()

    def _show(self) -> None:
        fit = self._deployment.fit
        for tile, meter in zip(self.tiles, budget(fit), strict=True):
            tile.fill(meter)
        self.setToolTip(verdict(fit).sentence)

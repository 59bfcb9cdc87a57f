"""What the network needs on the chosen board, in one line that follows each edit."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.look import theme
from tinyml_gui.panels.board_picker import BoardPicker
from tinyml_gui.panels.meters import MeterTile
from tinyml_gui.viewmodels.fit import Meter, budget, verdict

__all__ = ["BudgetStrip"]

_PICKER_WIDTHS: Final = (46 * theme.GRID, 54 * theme.GRID)  # at least, at most


class BudgetStrip(QWidget):
    """The board and its memories."""

    def __init__(self, deployment: DeploymentController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._deployment = deployment
        self.picker = BoardPicker(deployment)
        self.picker.setMinimumWidth(_PICKER_WIDTHS[0])
        self.picker.setMaximumWidth(_PICKER_WIDTHS[1])
        self.tiles: list[MeterTile] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(theme.GAP_WIDE)
        self._row.addWidget(self.picker, 1)
        deployment.fit_changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._deployment.watch()

    def _show(self) -> None:
        fit = self._deployment.fit
        shown: tuple[Meter, ...] = budget(fit)
        while len(self.tiles) < len(shown):
            self.tiles.append(MeterTile())
            self._row.addWidget(self.tiles[-1], 1, Qt.AlignmentFlag.AlignVCenter)
        for tile, meter in zip(self.tiles, shown, strict=True):
            tile.fill(meter)
        self.setToolTip(verdict(fit).sentence)

"""The Sweep page: define, watch, compare, and take a network into the editor."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from engine.data.catalogue import STARTER
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import (
    Card,
    HeadFigures,
    Scrolling,
    button,
    caption,
    name_unseen,
    page_head,
    section,
)
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.board_picker import BoardPicker
from tinyml_gui.panels.sweep.definition import DefinitionCard
from tinyml_gui.panels.sweep.front_plot import FrontPlot
from tinyml_gui.panels.sweep.heat_map import HeatMapView
from tinyml_gui.panels.sweep.run_table import RunTable
from tinyml_gui.viewmodels.quantities import percent

__all__ = ["SweepPanel"]

_STEPS: Final = 1000
_CHARTS: Final = 80 * theme.GRID
_BOARD: Final = 40 * theme.GRID
_REDRAW_MS: Final = 200  # between two redraws of the views while networks train


class SweepPanel(QWidget):
    """Lays out definition, views and the network that is selected."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._control = controller, controller.sweep
        self.head = HeadFigures()
        self.definition = DefinitionCard(controller)
        self.banner = Banner()
        self.progress, self.status = QProgressBar(), caption(wrap=True)
        self.heat_map, self.front, self.table = HeatMapView(), FrontPlot(), RunTable()
        self.board = BoardPicker(controller.deployment)
        self.chosen_line, self.load_button = caption(wrap=True), button("Open in the editor")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REDRAW_MS)
        self._timer.timeout.connect(self._show_views)
        self._lay_out()
        self._connect()
        self._show()
        self._show_views()

    def showEvent(self, event: QShowEvent) -> None:
        """Read the data of the Train page, where none have been read yet."""
        super().showEvent(event)
        training = self._controller.training
        if not training.data_name:
            training.choose_data(self._controller.settings.text("data") or STARTER)

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        for widget in (self.definition, self.banner, self._running(), self._charts(), self._networks()):
            column.addWidget(widget)
        column.addStretch()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Sweep", self.head))
        outside.addWidget(Scrolling(inside), stretch=1)

    def _running(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_WIDE)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, _STEPS)
        self.progress.setAccessibleName("Progress of the sweep")
        row.addWidget(self.progress, stretch=1)
        row.addWidget(self.status, stretch=2)
        self._progress_row = holder
        return holder

    def _charts(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_WIDE)
        for title, view in (("Accuracy by settings", self.heat_map), ("Accuracy by cost", self.front)):
            card = Card(margin=theme.GAP + theme.GRID)
            card.body.addWidget(section(title))
            card.body.addWidget(view, stretch=1)
            row.addWidget(card, stretch=1)
        holder.setMaximumHeight(theme.scaled(_CHARTS))
        return holder

    def _networks(self) -> QWidget:
        card = Card(margin=theme.GAP + theme.GRID)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(section("Networks"))
        row.addWidget(self.chosen_line, stretch=1)
        self.board.setMinimumWidth(_BOARD)
        row.addWidget(self.board)
        row.addWidget(self.load_button)
        card.body.addLayout(row)
        card.body.addWidget(self.table)
        name_unseen(self.board, "Board")
        return card

    def _connect(self) -> None:
        self.definition.started.connect(self._start)
        for view in (self.heat_map, self.front, self.table):
            view.chosen.connect(self._control.choose)
        self.front.measure_changed.connect(self._show_views)
        self.load_button.clicked.connect(self._load)
        self._control.changed.connect(self._changed)
        self._control.refused.connect(self.banner.show_error)
        self._controller.deployment.target_changed.connect(self._show_views)
        self._controller.training.changed.connect(self._show_chosen)

    def _start(self, definition: object) -> None:
        self.banner.hide()
        self._control.start(definition)  # type: ignore[arg-type]

    def _load(self) -> None:
        if self._control.chosen is not None:
            self._control.load(self._control.chosen)

    def _changed(self) -> None:
        self._show()
        if not self._control.is_running:
            self._timer.stop()
            self._show_views()
        elif not self._timer.isActive():
            self._timer.start()

    def _show(self) -> None:
        """Show the figures, which change often and cost little."""
        control, results = self._control, self._control.results
        best = None if results is None else results.best
        if results is None or best is None:
            self.head.show_figures("", "Preparing…" if control.is_running else "")
        else:
            self.head.show_figures(percent(results.accuracy(best), 2), "best on the images held aside")
        self._progress_row.setVisible(results is not None)
        self.progress.setVisible(control.is_running)
        if results is not None:
            self.progress.setValue(round(_STEPS * results.share))
            self.status.setText(control.status_words)
        self._show_chosen()

    def _show_views(self) -> None:
        """Draw table and charts anew."""
        results, number = self._control.results, self._control.chosen
        board = self._controller.deployment.board
        self.table.show_results(results, board, number)
        self.heat_map.show_map(
            None if results is None else results.heat_map(), results.chance if results else 0.0, number
        )
        self.front.show_points(None if results is None else results.points(self.front.measure, board), number)

    def _show_chosen(self) -> None:
        results, number = self._control.results, self._control.chosen
        self.load_button.setEnabled(self._control.can_load(number))
        if results is None or number is None:
            self.chosen_line.setText("Choose a network in any of the views")
        else:
            self.chosen_line.setText(results.settings(number))

"""The Sweep page: define, watch, compare, and take a network into the editor."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from tinyml_gui.background.worker import JobOutcome
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import (
    Card,
    HeadFigures,
    Scrolling,
    button,
    caption,
    muted,
    name_unseen,
    page_head,
    section,
)
from tinyml_gui.panels.banner import Banner
from tinyml_gui.panels.board_picker import BoardPicker
from tinyml_gui.panels.flow import FlowGrid
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.panels.sweep.chart_card import ChartCard
from tinyml_gui.panels.sweep.definition import DefinitionCard
from tinyml_gui.panels.sweep.front_chart import FrontChart
from tinyml_gui.panels.sweep.heat_map import HeatMapView
from tinyml_gui.panels.sweep.parallel_chart import ParallelChart
from tinyml_gui.panels.sweep.run_table import RunTable
from tinyml_gui.panels.sweep.surface_chart import SurfaceChart
from tinyml_gui.viewmodels.quantities import percent
from tinyml_gui.viewmodels.sweep.chart_table import csv_of
from tinyml_gui.viewmodels.sweep.front import points
from tinyml_gui.viewmodels.sweep.heat_map import heat_map
from tinyml_gui.viewmodels.sweep.parallel import lines
from tinyml_gui.viewmodels.sweep.results import COSTS, Measure
from tinyml_gui.viewmodels.sweep.surface import surface

__all__ = ["SweepPanel"]

_STEPS: Final = 1000
_BOARD: Final = 48 * theme.GRID
_HINT: Final = (
    "Networks of one sweep train together. Here you compare them while they do, and open the best one."
)
_REDRAW_MS: Final = 200  # at least, between two redraws of the views while networks train
_REDRAWN: Final = 5  # networks for each millisecond of that pause: thousands are redrawn less often


class SweepPanel(QWidget):
    """Lays out definition, views and the network that is selected."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._control = controller, controller.sweep
        self.head = HeadFigures()
        self.definition = DefinitionCard(controller)
        self.banner = Banner()
        self.progress, self.status = QProgressBar(), caption(wrap=True)
        self.cost = QComboBox()
        self.heat_map, self.front, self.table = HeatMapView(), FrontChart(), RunTable()
        self.surface, self.parallel = SurfaceChart(), ParallelChart()
        self.cards = tuple(self._chart_cards())
        self.board = BoardPicker(controller.deployment)
        self.chosen_line, self.load_button = caption(wrap=True), button("Open in the editor")
        self.hint = muted(_HINT, wrap=True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._show_views)
        self._lay_out()
        self._connect()
        self._show()
        self._show_views()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.definition.data.read()
        self._control.look()

    def _chart_cards(self) -> list[ChartCard]:
        for measure in COSTS:
            self.cost.addItem(measure.title, measure)
        calm_wheel(self.cost)
        named = (
            ("Accuracy by settings", self.heat_map, None),
            ("Accuracy by cost", self.front, self.cost),
            ("Accuracy² by time", self.surface, None),
            ("All settings and figures", self.parallel, None),
        )
        return [ChartCard(title, chart, self._numbers, choice) for title, chart, choice in named]

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setObjectName("scrolled")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        shown = self._running(), self._charts(), self._networks()
        for widget in (self.definition, self.banner, self.hint, *shown):
            column.addWidget(widget)
        column.addStretch()
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(theme.GAP + theme.GRID)
        outside.addLayout(page_head("Sweep", self.head))
        outside.addWidget(Scrolling(inside), stretch=1)

    def _running(self) -> QWidget:
        self._progress_row = QWidget()
        row = QHBoxLayout(self._progress_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_WIDE)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, _STEPS)
        self.progress.setAccessibleName("Progress of the sweep")
        row.addWidget(self.progress, stretch=1)
        row.addWidget(self.status, stretch=2)
        return self._progress_row

    def _charts(self) -> QWidget:
        for card in self.cards:
            card.setMinimumWidth(card.minimumSizeHint().width())
        name_unseen(self.cost, "What lies across")
        self._views = FlowGrid(self.cards, columns=2)
        return self._views

    def _networks(self) -> QWidget:
        self._table_card = card = Card(margin=theme.GAP + theme.GRID)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self.chosen_line, stretch=1)
        row.addWidget(self.board)
        row.addWidget(self.load_button)
        self.board.setMinimumWidth(_BOARD)
        card.body.addWidget(section("Networks"))
        card.body.addLayout(row)
        card.body.addWidget(self.table)
        name_unseen(self.board, "Board")
        return card

    def _connect(self) -> None:
        self.definition.started.connect(self._start)
        for view in (self.heat_map, self.front, self.surface, self.parallel, self.table):
            view.chosen.connect(self._control.choose)
        for card in self.cards:
            card.saved.connect(self._save)
        self.cost.currentIndexChanged.connect(self._show_front)
        self.load_button.clicked.connect(self._load)
        self._control.changed.connect(self._changed)
        self._control.selected.connect(self._show_chosen)
        self._control.refused.connect(self.banner.show_error)
        self._controller.deployment.target_changed.connect(self._show_views)
        self._controller.training.changed.connect(self._show_chosen)

    def _start(self, definition: object) -> None:
        self.banner.hide()
        self._control.start(definition)  # type: ignore[arg-type]

    def _load(self) -> None:
        if self._control.chosen is not None:
            self._control.load(self._control.chosen)

    def _numbers(self) -> bytes:
        return b"" if self._control.results is None else csv_of(self._control.results)

    def _save(self, path: Path, data: bytes) -> None:
        self._control.save(path, data, self._saved)

    def _saved(self, outcome: JobOutcome) -> None:
        if outcome.error is not None:
            self.banner.show_error(str(outcome.error))
        elif isinstance(outcome.result, Path):
            self._controller.message.emit(f"Saved as {outcome.result.name}")

    def _changed(self) -> None:
        self._show()
        results = self._control.results
        if results is None or not self._control.is_running:
            self._timer.stop()
            self._show_views()
        elif not self._timer.isActive():
            self._timer.start(max(_REDRAW_MS, len(results.runs) // _REDRAWN))

    def _show(self) -> None:
        """Show the figures, which change often and cost little."""
        control, results = self._control, self._control.results
        best = None if results is None else results.best
        if results is None or best is None:
            self.head.show_figures("", "Preparing…" if control.is_running else "")
        else:
            self.head.show_figures(
                percent(float(results.accuracies[best]), 2), "best on the images held aside"
            )
        for widget in (self._progress_row, self._views, self._table_card):
            widget.setVisible(results is not None)
        self.hint.setVisible(results is None)
        self.progress.setVisible(control.is_running)
        if results is not None:
            self.progress.setValue(round(_STEPS * results.share))
            self.status.setText(control.status_words)
        self._show_chosen()

    def _show_views(self) -> None:
        """Draw table and charts anew."""
        results, board = self._control.results, self._controller.deployment.board
        self.table.show_results(results, board)
        self.heat_map.show_map(*((None, 0.0) if results is None else (heat_map(results), results.chance)))
        self.surface.show_surface(None if results is None else surface(results, board))
        self.parallel.show_lines(None if results is None else lines(results, board))
        self._show_front()
        self._show_chosen()

    def _show_front(self) -> None:
        results, cost = self._control.results, self.cost.currentData()
        assert isinstance(cost, Measure)
        board = self._controller.deployment.board
        self.front.show_points(None if results is None else points(results, cost, board))
        for card in self.cards:
            card.update_button()

    def _show_chosen(self) -> None:
        """Mark the run that is selected, in all views."""
        control, number = self._control, self._control.chosen
        for view in (self.heat_map, self.front, self.surface, self.parallel, self.table):
            view.mark(number)
        obstacle = control.load_obstacle
        self.load_button.setEnabled(not obstacle)
        self.load_button.setToolTip(obstacle)
        self.chosen_line.setText(control.chosen_words)

"""Accuracy against what networks take: each a point, those that no other one beats joined by a line."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

import pyqtgraph as pg  # isort: skip - after PySide6, so that it takes the same binding
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import name_unseen
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.panels.train.curves import BarePlot
from tinyml_gui.viewmodels.sweep.results import MEASURES, Measure, Points

__all__ = ["FrontPlot"]

_LEAST: Final = 40 * theme.GRID
_SIZE, _CHOSEN_SIZE = 7, 13


class FrontPlot(QWidget):
    """The chart and the choice of what lies across.

    Signals
    -------
    chosen(int)
        The number of the run of a point.
    measure_changed()
    """

    chosen = Signal(int)
    measure_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measure_combo = QComboBox()
        for measure in MEASURES:
            self.measure_combo.addItem(measure.title)
        calm_wheel(self.measure_combo)
        self.plot = BarePlot("Accuracy against what networks take", _LEAST)
        self._item = self.plot.getPlotItem()
        self._item.getAxis("left").setScale(100.0)
        self._line = pg.PlotCurveItem(stepMode=None)
        self._dots = pg.ScatterPlotItem(size=_SIZE, pen=None)
        self._mark = pg.ScatterPlotItem(size=_CHOSEN_SIZE, brush=None)
        for item in (self._line, self._dots, self._mark):
            self._item.addItem(item)
        self._points: Points | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self.plot, stretch=1)
        column.addWidget(self.measure_combo)
        name_unseen(self.measure_combo, "What lies across")
        self.measure_combo.currentIndexChanged.connect(self.measure_changed)
        self._dots.sigClicked.connect(self._clicked)
        self._paint()

    @property
    def measure(self) -> Measure:
        """What lies across."""
        return MEASURES[self.measure_combo.currentIndex()]

    def show_points(self, points: Points | None, number: int | None) -> None:
        """Show a point for each network; that of run `number` is marked."""
        self._points = points
        if points is None or not len(points.x):
            for item in (self._line, self._dots, self._mark):
                item.clear()
            self.plot.say("")
            return
        order = np.argsort(points.x[points.front])
        front = points.x[points.front][order], points.accuracy[points.front][order]
        self._line.setData(*front)
        self._dots.setData(points.x, points.accuracy, brush=self._brushes(points), data=points.numbers)
        at = points.numbers == number
        self._mark.setData(points.x[at], points.accuracy[at])
        self._item.setRange(
            xRange=(0, float(points.x.max())), yRange=(float(points.accuracy.min()), 1.0), padding=0.04
        )
        self.plot.say(f"{len(points.x):,} networks, {int(points.front.sum())} of them on the front")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event) and hasattr(self, "_mark"):
            self._paint()

    def _brushes(self, points: Points) -> list[QColor]:
        tokens = theme.tokens()
        plain, front, grey = QColor(tokens.series[0]), QColor(tokens.series[1]), QColor(tokens.disabled)
        return [
            grey if is_grey else front if on_front else plain
            for is_grey, on_front in zip(points.greyed, points.front, strict=True)
        ]

    def _paint(self) -> None:
        tokens = theme.tokens()
        self.plot.paint()
        self._line.setPen(pg.mkPen(tokens.series[1], width=1))
        self._mark.setPen(pg.mkPen(tokens.text, width=2))
        if self._points is not None and len(self._points.x):
            self._dots.setBrush(self._brushes(self._points))

    def _clicked(self, plot: object, points: list[pg.SpotItem], event: object) -> None:
        if len(points):
            self.chosen.emit(int(points[0].data()))

"""What the search for a learning rate found: the loss over the rates tried, and the one to take."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

import pyqtgraph as pg  # isort: skip - after PySide6, so that it takes the same binding
from engine.training.rate_finder import HIGHEST, LOWEST
from tinyml_gui.control.rate_finder import RateController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, label, section, set_role
from tinyml_gui.panels.forms import number_text
from tinyml_gui.panels.train.curves import BarePlot
from tinyml_gui.viewmodels.curves import loss_ceiling, rates_words

__all__ = ["RateFinder"]

_HEIGHT: Final = 150
_RANGE: Final = (math.log10(LOWEST), math.log10(HIGHEST))
_ADVICE: Final = "A tenth of the highest rate with a low loss is proposed."
_TYPICAL: Final = 1.6  # the axis ends at this multiple of the first loss: at high rates the loss explodes
_ABOVE: Final = 0.06  # of the height, so that the uppermost number is whole


class RateFinder(Card):
    """Hidden until rates are tried.

    Signals
    -------
    taken(float)
        The user wants this rate.
    """

    taken = Signal(float)

    def __init__(self, control: RateController, parent: QWidget | None = None) -> None:
        super().__init__(parent, margin=theme.GAP + theme.GRID)
        self._control = control
        self._words = label(wrap=True)
        self.progress = QProgressBar()
        self.use_button, self.close_button = button("", "primary"), button("Cancel")
        self.plot = BarePlot("Loss over the learning rate", _HEIGHT)
        self.plot.say(rates_words((), None))
        self._item = self.plot.getPlotItem()
        self._item.getAxis("bottom").setLogMode(True)
        self._curve = pg.PlotCurveItem(skipFiniteCheck=True)
        self._mark = pg.InfiniteLine(angle=90)
        self._item.addItem(self._curve)
        self._item.addItem(self._mark, ignoreBounds=True)
        self._lay_out()
        self._paint()
        self.use_button.clicked.connect(self._take)
        self.close_button.clicked.connect(self._close)
        control.changed.connect(self._show)
        self.hide()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(section("Learning rate"))
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the search")
        row.addWidget(self._words, stretch=1)
        row.addWidget(self.progress, stretch=1, alignment=Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.use_button)
        row.addWidget(self.close_button)
        self.body.addLayout(row)
        self.body.addWidget(self.plot)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event) and hasattr(self, "_mark"):
            self._paint()

    def _paint(self) -> None:
        colours = theme.plot_colours()
        self.plot.paint()
        self._curve.setPen(pg.mkPen(colours["training"], width=1))
        self._mark.setPen(pg.mkPen(colours["validation"], width=1))

    def _show(self) -> None:
        control = self._control
        running, suggestion = control.is_running, control.suggestion
        self.setVisible(running or bool(control.points) or bool(control.error))
        self._draw()
        self.progress.setVisible(running)
        self._words.setVisible(not running)
        self.use_button.setVisible(suggestion is not None)
        self.close_button.setText("Cancel" if running else "Close")
        set_role(self._words, "error" if control.error else "muted")
        self._words.setText(control.error or _ADVICE)
        if suggestion is not None:
            self.use_button.setText(f"Use {number_text(suggestion)}")

    def _draw(self) -> None:
        points, suggestion = self._control.points, self._control.suggestion
        x = np.log10([point.rate for point in points]) if points else np.empty(0)
        y = np.array([point.loss for point in points], np.float64)
        self._curve.setData(x, y)
        self._mark.setVisible(suggestion is not None)
        if suggestion is not None:
            self._mark.setValue(math.log10(suggestion))
        self.plot.say(rates_words(points, suggestion))
        if points:
            ceiling = loss_ceiling(_TYPICAL * max(points[0].loss, self._control.calm), 0.0)
            self._item.setRange(xRange=_RANGE, padding=0.02)
            self._item.setYRange(0, ceiling, padding=_ABOVE)
            done = (x[-1] - _RANGE[0]) / (_RANGE[1] - _RANGE[0])
            self.progress.setValue(round(1000 * done))

    def _take(self) -> None:
        if self._control.suggestion is not None:
            self.taken.emit(self._control.suggestion)
        self._control.cancel()

    def _close(self) -> None:
        self._control.cancel()

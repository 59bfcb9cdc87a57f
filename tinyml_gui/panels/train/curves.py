"""Two live plots, loss and accuracy over epochs, drawn at low cost.

Pens are one pixel wide, the grid has no alpha, the axes have fixed ranges that move in few large steps,
and a redraw touches at most a few hundred binned points (see `tinyml_gui.viewmodels.curves`). Training
is shown as a smoothed line over the pale envelope of its batches, validation as a line with dots.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

import pyqtgraph as pg  # isort: skip - after PySide6, so that it takes the same binding
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, caption, section
from tinyml_gui.viewmodels.curves import Binned, accuracy_floor, curves_words, loss_ceiling
from tinyml_gui.viewmodels.training import Run

__all__ = ["BarePlot", "CurvePlot", "Curves"]

_AXIS_WIDTH: Final = 44
_MIN_HEIGHT: Final = 41 * theme.GRID  # the whole page has room in a window that is 690 px high
_START: Final = 8  # the first eighth of a run may exceed the plot, or later detail would look flat
_NOTHING_YET: Final = "Drawn while training"


class BarePlot(pg.PlotWidget):
    """A plot without anything to click on; it needs little room and fills what there is.

    Tab reaches it, so that screen readers tell what it shows.

    Parameters
    ----------
    name : str
    height : int
        At least, in pixels.
    """

    def __init__(self, name: str, height: int = _MIN_HEIGHT) -> None:
        super().__init__()
        self.setProperty("role", "chart")
        self.setAccessibleName(name)
        self._spoken = ""
        self.setMinimumHeight(height)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(x=False, y=False)
        item.disableAutoRange()
        item.getAxis("left").setWidth(_AXIS_WIDTH)
        item.getAxis("left").enableAutoSIPrefix(False)

    def sizeHint(self) -> QSize:
        return QSize(0, self.minimumHeight())

    def say(self, words: str) -> None:
        """Describe what is shown, for screen readers."""
        if words != self._spoken:
            self._spoken = words
            self.setAccessibleDescription(words)

    def paint(self) -> None:
        """Take the colours of the theme that is on."""
        colours = theme.plot_colours()
        self.setBackground(colours["background"])
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(colours["axis"])
            axis.setTextPen(colours["words"])
            axis.setTickFont(theme.number_font(theme.CAPTION))


class CurvePlot(Card):
    """One plot with its title and legend.

    Parameters
    ----------
    title : str
    percent : bool
        Whether values are shares, shown in per cent.
    """

    def __init__(self, title: str, percent: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent, margin=theme.GAP + theme.GRID)
        self._legend = [_Swatch(), _Swatch()]
        self.plot = BarePlot(f"{title} over epochs")
        self.plot.say(_NOTHING_YET)
        self._percent = percent
        self._item = self.plot.getPlotItem()
        self._item.getAxis("left").setScale(100.0 if percent else 1.0)
        self._envelope, self._line, self._validation = (
            pg.PlotCurveItem(skipFiniteCheck=True),
            pg.PlotCurveItem(skipFiniteCheck=True),
            pg.PlotDataItem(symbol="o", symbolSize=5),
        )
        self._hint = pg.TextItem(_NOTHING_YET, anchor=(0.5, 0.5))
        self._hint.setFont(theme.text_font())
        for curve in (self._envelope, self._line, self._validation, self._hint):
            self._item.addItem(curve)
        self.body.addLayout(self._head(title, percent))
        self.body.addWidget(self.plot, stretch=1)
        self._range: tuple[float, float, float] | None = None
        self._paint()

    def show_curves(self, train: Binned, validation: Binned) -> None:
        """Draw both curves."""
        self._envelope.setData(*train.envelope)
        self._line.setData(*train.line)
        x, y = validation.values
        self._validation.setData(x, y)
        self._hint.setVisible(not (len(train) or len(validation)))
        self.plot.say(curves_words(train, validation, self._percent) or _NOTHING_YET)

    def set_range(self, epochs: float, low: float, high: float) -> None:
        """Set both axes; cheap when nothing changes."""
        if (epochs, low, high) != self._range:
            self._range = (epochs, low, high)
            self._hint.setPos(max(epochs, 1) / 2, (low + high) / 2)
            self._item.setRange(xRange=(0, max(epochs, 1)), yRange=(low, high), padding=0.02)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event) and hasattr(self, "_validation"):
            self._paint()

    def _head(self, title: str, percent: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GRID)
        row.addWidget(section(title))
        row.addWidget(caption("%") if percent else caption(""))
        row.addStretch()
        for mark, words in zip(self._legend, ("training", "validation"), strict=True):
            row.addSpacing(theme.GAP)
            row.addWidget(mark)
            row.addWidget(caption(words))
        return row

    def _paint(self) -> None:
        colours = theme.plot_colours()
        train, validation = colours["training"], colours["validation"]
        self.plot.paint()
        self._hint.setColor(colours["words"])
        self._envelope.setPen(pg.mkPen(colours["spread"], width=1))
        self._line.setPen(pg.mkPen(train, width=1))
        self._validation.setPen(pg.mkPen(validation, width=1))
        self._validation.setSymbolBrush(validation)
        self._validation.setSymbolPen(None)
        for swatch, colour in zip(self._legend, (train, validation), strict=True):
            swatch.set_colour(colour)


class _Swatch(QWidget):
    """A short line in a series' colour."""

    def __init__(self) -> None:
        super().__init__()
        self._colour = QColor()
        self.setFixedSize(theme.GAP_WIDE, theme.GAP)

    def set_colour(self, colour: str) -> None:
        """Show another colour."""
        self._colour = QColor(colour)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(0, self.height() // 2 - 1, self.width(), 2, self._colour)


class Curves(QWidget):
    """Loss and accuracy of a run, side by side."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss = CurvePlot("Loss")
        self.accuracy = CurvePlot("Accuracy", percent=True)
        self._ceiling, self._floor = 1.0, 0.0
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self.loss)
        row.addWidget(self.accuracy)

    def show_run(self, run: Run) -> None:
        """Draw `run` as it is now."""
        if len(run.train_loss) < 2:
            self._ceiling, self._floor = 1.0, 1.0
        self._ceiling = loss_ceiling(_highest(run), self._ceiling)
        self._floor = accuracy_floor(_lowest(run), self._floor)
        epochs = run.status.epochs
        self.loss.set_range(epochs, 0.0, self._ceiling)
        self.accuracy.set_range(epochs, self._floor, 1.0)
        self.loss.show_curves(run.train_loss, run.validation_loss)
        self.accuracy.show_curves(run.train_accuracy, run.validation_accuracy)


def _lowest(run: Run) -> float:
    """Return the lowest accuracy of the run so far."""
    lines = run.train_accuracy.line[1], run.validation_accuracy.values[1]
    return min((float(y.min()) for y in lines if len(y)), default=0.0)


def _highest(run: Run) -> float:
    """Return the highest point of the lines; the envelope and the very start may stick out."""
    line = run.train_loss.line[1]
    lines = (line[len(line) // _START :], run.validation_loss.values[1])
    tops = [float(y.max()) for y in lines if len(y)]
    return max(tops, default=0.0)

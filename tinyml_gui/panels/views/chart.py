"""What charts share: they draw on any painter, and a click or a key chooses one of their marks."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QBuffer, QByteArray, QEvent, QIODevice, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QImageWriter,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

import pyqtgraph as pg  # isort: skip - after PySide6, so that it takes the same binding
from tinyml_gui.look import theme
from tinyml_gui.look.keys import ARROWS, set_keys

__all__ = ["ENDED", "Chart", "beside", "shade"]

_WIDTH, _HEIGHT = 70 * theme.GRID, 62 * theme.GRID  # at least
ENDED: Final = "Drawn when the first networks have ended"  #: the hint of charts of what networks take
_SHADES: Final = 256
_FINE: Final = 2  # pixels of a saved picture for each on the screen


class Chart(QWidget):
    """A chart whose marks have numbers: runs of a sweep, cells of a matrix.

    Parameters
    ----------
    name : str
        For screen readers.
    keys : str
        What keys do, for the message area.
    hint : str
        When something is drawn, while there is nothing yet.

    Signals
    -------
    chosen(int)
        The number of a mark.

    Attributes
    ----------
    number : int or None
        The mark that is selected.
    """

    chosen = Signal(int)

    def __init__(self, name: str, keys: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hint = hint
        self.number: int | None = None
        self.setProperty("role", "chart")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        set_keys(self, keys)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw yet."""
        raise NotImplementedError

    def draw(self, painter: QPainter) -> None:
        """Draw what there is, in the widget's coordinates."""
        raise NotImplementedError

    def number_at(self, point: QPointF) -> int | None:
        """Return the number of the mark at a point; None where there is none near."""
        raise NotImplementedError

    def step(self, right: int, down: int) -> None:
        """Do what an arrow key does: one of both is 1 or -1, the other 0."""
        raise NotImplementedError

    def mark(self, number: int | None) -> None:
        """Show which mark is selected."""
        if number != self.number:
            self.number = number
            self.update()

    def png(self) -> bytes:
        """Return the chart as a picture with twice the pixels of the screen."""
        image = QImage(self.size() * _FINE, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(_FINE)
        self._draw_on(image)
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        QImageWriter(buffer, QByteArray(b"png")).write(image)
        return bytes(buffer.data().data())

    def svg(self) -> bytes:
        """Return the chart as a drawing."""
        buffer, generator = QBuffer(), QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(self.size())
        generator.setViewBox(self.rect())
        generator.setTitle(self.accessibleName())
        self._draw_on(generator)
        return bytes(buffer.data().data())

    def _draw_on(self, device: QImage | QSvgGenerator) -> None:
        with QPainter(device) as painter:
            painter.fillRect(self.rect(), QColor(theme.tokens().surface))
            self._draw(painter)

    def _draw(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.number_font(theme.CAPTION))
        if self.is_empty:
            painter.setPen(QColor(theme.tokens().muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._hint)
        else:
            self.draw(painter)

    def line(self) -> float:
        """Return the height of a line of text."""
        return QFontMetricsF(theme.number_font(theme.CAPTION)).height()

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.scaled(_WIDTH), theme.scaled(_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self._draw(painter)
            if self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.tokens().accent), 2))
                edge = QRectF(self.rect()).adjusted(1, 1, -1, -1)
                painter.drawRoundedRect(edge, theme.RADIUS_SMALL, theme.RADIUS_SMALL)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if theme.is_theme_change(event):
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.choose(self.number_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None or self.is_empty:
            super().keyPressEvent(event)
        else:
            self.step(*step)

    def choose(self, number: int | None) -> None:
        """Choose a mark where there is one."""
        if number is not None:
            self.chosen.emit(number)


def beside(numbers: NDArray[np.intp], number: int | None, step: int) -> int | None:
    """Return the run `step` places after `number` in a row of runs, or the first where it is not there."""
    if not len(numbers):
        return None
    found = np.flatnonzero(numbers == number)
    place = min(max(int(found[0]) + step, 0), len(numbers) - 1) if len(found) else 0
    return int(numbers[place])


def shade(share: float) -> QColor:
    """Return a colour of a perceptually uniform map, 0 to 1."""
    colours = _shades()
    return colours[min(max(round(share * (len(colours) - 1)), 0), len(colours) - 1)]


@functools.cache
def _shades() -> list[QColor]:
    colours: list[QColor] = pg.colormap.get("viridis").getLookupTable(0.0, 1.0, _SHADES, mode="qcolor")
    return colours

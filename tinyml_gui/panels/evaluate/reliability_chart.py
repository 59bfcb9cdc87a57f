"""How often the network is right when it is so sure: bars beside the line where both agree."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from engine.insight import Reliability
from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import Chart
from tinyml_gui.viewmodels.quantities import percent

__all__ = ["ReliabilityChart"]

_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_CENTRE: Final = Qt.AlignmentFlag.AlignCenter
_AT_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ReliabilityChart(Chart):
    """A bar for each bin of confidence that has images; bins are numbered from the least sure."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "How often it is right when it is so sure", "Arrows choose a bar", "Evaluate to see it", parent
        )
        self._found: Reliability | None = None

    def show_reliability(self, found: Reliability | None) -> None:
        """Show the bars."""
        self._found, self.number = found, None
        self._describe()
        self.update()

    def mark(self, number: int | None) -> None:
        super().mark(number)
        self._describe()

    def _describe(self) -> None:
        self.setAccessibleDescription(self.words)

    @property
    def words(self) -> str:
        """Say what the selected bar is, or all of them together."""
        found = self._found
        if found is None:
            return "Nothing was evaluated yet"
        if self.number is None:
            return f"Probabilities are off by {percent(found.error)} on average"
        low, high = (percent(float(edge)) for edge in found.edges[self.number : self.number + 2])
        right, images = percent(float(found.accuracy[self.number])), int(found.images[self.number])
        return f"{images:,} images with {low} to {high}: {right} of them are right"

    @property
    def is_empty(self) -> bool:
        return self._found is None

    def number_at(self, point: QPointF) -> int | None:
        for number in self._known():
            bar = self._bar(number)
            if bar.left() <= point.x() <= bar.right():
                return number
        return None

    def step(self, right: int, down: int) -> None:
        known = self._known()
        if known:
            at = known.index(self.number) if self.number in known else -1
            self.choose(known[(at + right + down) % len(known)])

    def draw(self, painter: QPainter) -> None:
        found = self._found
        if found is None:
            return
        tokens, area, line = theme.tokens(), self._area(), self.line()
        for tick in _TICKS:
            y, x = area.bottom() - tick * area.height(), area.left() + tick * area.width()
            painter.setPen(QColor(tokens.border))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(QColor(tokens.muted))
            text, width = f"{100 * tick:.0f}", area.left() - theme.GRID
            painter.drawText(QRectF(0, y - line / 2, width, line), _AT_RIGHT, text)
            painter.drawText(QRectF(x - width / 2, area.bottom() + 2, width, line), _CENTRE, text)
        for number in self._known():
            painter.fillRect(self._bar(number), QColor(tokens.series[1 if number == self.number else 0]))
        painter.setPen(QPen(QColor(tokens.text), 1.5, Qt.PenStyle.DashLine))
        painter.drawLine(area.bottomLeft(), area.topRight())
        painter.setPen(QColor(tokens.muted))
        words = QRectF(area.left(), self.height() - 1.2 * line, area.width(), line)
        painter.drawText(words, _CENTRE, "→ how sure, %   ↑ how often right, %")

    def _known(self) -> list[int]:
        found = self._found
        return [] if found is None else np.flatnonzero(found.images).tolist()

    def _area(self) -> QRectF:
        line, left = self.line(), 9 * theme.GRID
        top, width = line / 2 + theme.GRID, self.width() - left - 5 * theme.GRID
        return QRectF(left, top, width, self.height() - 3.4 * line)

    def _bar(self, number: int) -> QRectF:
        assert self._found is not None
        area = self._area()
        edges = self._found.edges[number : number + 2]
        low, high = (area.left() + float(edge) * area.width() for edge in edges)
        top = area.bottom() - float(self._found.accuracy[number]) * area.height()
        return QRectF(low + 1, top, high - low - 2, max(1.0, area.bottom() - top))

"""The confusion matrix: right answers in one hue, wrong ones in another, the darker the more."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import Chart
from tinyml_gui.viewmodels.evaluation import Matrix

__all__ = ["MatrixView"]

_CENTRE: Final = Qt.AlignmentFlag.AlignCenter
_AT_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_AT_LEFT: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_FAINTEST: Final = 0.12  # of the hue, for a single image
_STRONG: Final = 0.55  # of the hue, from which on text is in the colour of the surface


class MatrixView(Chart):
    """A cell for each pair of true and predicted class; cells are numbered row by row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Confusion matrix", "Arrows choose a cell", "Evaluate the network to see it", parent)
        self._matrix: Matrix | None = None

    def show_matrix(self, matrix: Matrix | None) -> None:
        """Show a matrix; no cell is selected then."""
        self._matrix, self.number = matrix, None
        self._describe()
        self.update()

    def mark(self, number: int | None) -> None:
        super().mark(number)
        self._describe()

    def _describe(self) -> None:
        if self._matrix is None or self.number is None:
            self.setAccessibleDescription("No cell is selected")
        else:
            self.setAccessibleDescription(self._matrix.words(*self._place(self.number)))

    @property
    def is_empty(self) -> bool:
        return self._matrix is None

    def number_at(self, point: QPointF) -> int | None:
        if self._matrix is None:
            return None
        first, count = self._cell(0, 0), self._count
        row = math.floor((point.y() - first.top()) / first.height())
        column = math.floor((point.x() - first.left()) / first.width())
        return row * count + column if 0 <= row < count and 0 <= column < count else None

    def step(self, right: int, down: int) -> None:
        row, column = self._place(self.number) if self.number is not None else (0, 0)
        count = self._count
        self.choose((row + down) % count * count + (column + right) % count)

    def draw(self, painter: QPainter) -> None:
        matrix = self._matrix
        if matrix is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._draw_cells(painter, matrix)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_names(painter, matrix)
        if self.number is not None:
            painter.setPen(QPen(QColor(theme.tokens().text), 2))
            painter.drawRect(self._cell(*self._place(self.number)).adjusted(0, 0, -1, -1))

    @property
    def _count(self) -> int:
        return 0 if self._matrix is None else len(self._matrix.names)

    def _place(self, number: int) -> tuple[int, int]:
        return divmod(number, self._count)

    def _cell(self, row: int, column: int) -> QRectF:
        left, above, below = self._left(), 1.3 * self.line(), 1.5 * self.line()
        width = (self.width() - left - theme.GRID) / self._count
        height = (self.height() - above - below) / self._count
        return QRectF(left + column * width, above + row * height, width, height)

    def _left(self) -> float:
        assert self._matrix is not None
        metrics = QFontMetricsF(theme.number_font(theme.CAPTION))
        return max(metrics.horizontalAdvance(name) for name in self._matrix.names) + theme.GAP + theme.GRID

    def _draw_cells(self, painter: QPainter, matrix: Matrix) -> None:
        tokens, metrics = theme.tokens(), QFontMetricsF(painter.font())
        hues = QColor(tokens.series[1]), QColor(tokens.series[0])
        cell = self._cell(0, 0)
        gap = 1 if min(cell.width(), cell.height()) > 4 else 0
        for row, shares in enumerate(matrix.shares.tolist()):
            for column, share in enumerate(shares):
                place = self._cell(row, column).adjusted(0, 0, -gap, -gap)
                text = matrix.text(row, column)
                if not text:
                    painter.fillRect(place, QColor(tokens.sunken))
                    continue
                strength = _FAINTEST + (1 - _FAINTEST) * (share if row == column else math.sqrt(share))
                painter.fillRect(place, _mixed(tokens.surface, hues[row == column], strength))
                if metrics.horizontalAdvance(text) < place.width() - 2 and metrics.height() <= place.height():
                    painter.setPen(QColor(tokens.surface if strength > _STRONG else tokens.text))
                    painter.drawText(place, _CENTRE, text)

    def _draw_names(self, painter: QPainter, matrix: Matrix) -> None:
        painter.setPen(QColor(theme.tokens().muted))
        first, line = self._cell(0, 0), self.line()
        metrics = QFontMetricsF(painter.font())
        widest = max(metrics.horizontalAdvance(name) for name in matrix.names) + theme.GRID
        for column in range(0, self._count, max(1, math.ceil(widest / first.width()))):
            left = self._cell(0, column).center().x() - widest / 2
            painter.drawText(QRectF(left, 0, widest, 1.2 * line), _CENTRE, matrix.names[column])
        for row in range(0, self._count, max(1, math.ceil(0.9 * line / first.height()))):
            middle = self._cell(row, 0).center().y() - line / 2
            painter.drawText(QRectF(0, middle, first.left() - theme.GRID, line), _AT_RIGHT, matrix.names[row])
        below = QRectF(first.left(), self.height() - 1.2 * line, self.width() - first.left(), line)
        painter.drawText(below, _AT_LEFT, "↓ what it is   → what the network says")


def _mixed(back: str, hue: QColor, share: float) -> QColor:
    """Return `hue` over the colour `back`, as if it covered so much of it."""
    under = QColor(back)
    return QColor.fromRgbF(
        *(
            under_part + share * (part - under_part)
            for under_part, part in zip(under.getRgbF()[:3], hue.getRgbF()[:3], strict=True)  # type: ignore[index]
        )
    )

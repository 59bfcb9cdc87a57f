"""Accuracy² over training time in three dimensions, painted from the back to the front.

There is no OpenGL in it, so it looks the same offscreen, in a picture and on any computer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QApplication, QWidget

from tinyml_gui.look import theme
from tinyml_gui.panels.views.chart import ENDED, Chart, shade
from tinyml_gui.viewmodels.sweep.surface import FLOOR, Side, Surface

__all__ = ["SurfaceChart"]

_DEGREES: Final = 0.5  # for each pixel that the pointer moves
_KEY_DEGREES: Final = 10.0
_NEAR: Final = 14.0  # pixels from a point that still choose it
_WIDE: Final = 1.5  # of the cube, turned in any way
_MOST_LINES: Final = 40  # in one direction
_DOT: Final = 2.5
_MARK: Final = 6.5
_BEYOND: Final = 0.08  # of the cube, from its edge to the words there


class SurfaceChart(Chart):
    """The surface; a drag turns it, a click chooses a network."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "Accuracy² over training time, in three dimensions", "Arrows turn the view", ENDED, parent
        )
        self._surface: Surface | None = None
        self.side = Side()
        self._pressed: QPointF | None = None
        self._moved = False

    def show_surface(self, surface: Surface | None) -> None:
        """Show another surface, from the same side."""
        self._surface = surface
        self.setAccessibleDescription("" if surface is None else surface.words)
        self.update()

    @property
    def is_empty(self) -> bool:
        return self._surface is None or not self._surface.top

    def turn(self, right: float, up: float) -> None:
        """Turn the view by so many degrees."""
        self.side = self.side.turned(right, up)
        self.update()

    def step(self, right: int, down: int) -> None:
        self.turn(_KEY_DEGREES * right, _KEY_DEGREES * down)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._moved = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        step = event.position() - self._pressed
        if self._moved or step.manhattanLength() >= QApplication.startDragDistance():
            self._moved, self._pressed = True, event.position()
            self.turn(_DEGREES * step.x(), _DEGREES * step.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None and not self._moved:
            self.choose(self.number_at(event.position()))
        self._pressed = None

    def number_at(self, point: QPointF) -> int | None:
        surface = self._surface
        if surface is None or self.is_empty:
            return None
        seen, depth = self._seen(surface.corners())
        far = np.hypot(seen[..., 0] - point.x(), seen[..., 1] - point.y())
        near = np.where(far <= _NEAR, far + 1e-3 * depth, np.inf)  # nan is not near
        at = np.unravel_index(int(np.argmin(near)), near.shape)
        return int(surface.numbers[at]) if np.isfinite(near[at]) else None

    def draw(self, painter: QPainter) -> None:
        surface = self._surface
        if surface is None:
            return
        seen, depth = self._seen(surface.corners())
        self._draw_floor(painter, surface)
        self._draw_quads(painter, surface, seen, depth)
        self._draw_dots(painter, surface, seen)

    def _seen(self, corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where corners are in the widget, and how far away."""
        seen, depth = self.side.project(corners)
        room = self.height() - self.line()
        size = min(self.width() / _WIDE, room / (self.side.extent + 2 * _BEYOND))
        return np.stack(
            [self.width() / 2 + size * seen[..., 0], room / 2 - size * seen[..., 1]], axis=-1
        ), depth

    def _point(self, x: float, y: float, z: float = FLOOR) -> QPointF:
        return QPointF(*self._seen(np.array([x, y, z]))[0])

    def _draw_floor(self, painter: QPainter, surface: Surface) -> None:
        tokens, edge = theme.tokens(), -FLOOR
        painter.setPen(QColor(tokens.outline))
        painter.setBrush(QColor(tokens.sunken))
        around = ((-edge, -edge), (edge, -edge), (edge, edge), (-edge, edge))
        painter.drawPolygon(QPolygonF([self._point(*at) for at in around]))
        top = min((self._point(*at) for at in around), key=lambda point: point.x())
        left = next(at for at in around if self._point(*at) == top)
        painter.drawLine(self._point(*left), self._point(*left, edge))
        painter.setPen(QColor(tokens.muted))
        beyond = edge + _BEYOND
        front = -1 if self._depth(0, -edge) < self._depth(0, edge) else 1
        side = 1 if self._depth(edge, 0) < self._depth(-edge, 0) else -1
        for at, words in _ends(surface.across.values, surface.across.title):
            self._write(painter, self._point(at, front * beyond), words)
        for at, words in _ends(surface.down.values, surface.down.title) if surface.down.title else ():
            self._write(painter, self._point(side * beyond, -at), words)
        words = f"{surface.top:,.0f} %²/s"
        aside = QPointF(painter.fontMetrics().horizontalAdvance(words) / 2, 0)
        self._write(painter, self._point(*left, edge + _BEYOND) - aside, words)

    def _depth(self, x: float, y: float) -> float:
        return float(self._seen(np.array([x, y, FLOOR]))[1])

    def _write(self, painter: QPainter, at: QPointF, words: str) -> None:
        box = painter.fontMetrics().boundingRect(words)
        half = box.width() / 2
        x = min(max(at.x(), half), self.width() - half)
        painter.drawText(QPointF(x - half, at.y() + self.line() / 3), words)

    def _draw_quads(
        self, painter: QPainter, surface: Surface, seen: NDArray[np.float64], depth: NDArray[np.float64]
    ) -> None:
        """Draw the surface; of a large one only some lines, so that it can be turned at once."""
        rows, columns = (_some(count) for count in surface.height.shape)
        seen, depth = seen[rows][:, columns], depth[rows][:, columns]
        heights, away = _of_quads(surface.shares[rows][:, columns]), _of_quads(depth)
        greyed = _of_quads(surface.greyed[rows][:, columns].astype(float)) > 0.5
        points = [[QPointF(*place) for place in line] for line in seen.tolist()]
        colour = QColor(theme.tokens().disabled)
        painter.setPen(QPen(QColor(theme.tokens().surface), 0.5))
        for at in np.argsort(-away, axis=None):
            row, column = divmod(int(at), away.shape[1])
            if np.isfinite(heights[row, column]):
                painter.setBrush(colour if greyed[row, column] else shade(heights[row, column]))
                back, front = points[row][column : column + 2], points[row + 1][column : column + 2]
                painter.drawPolygon(QPolygonF([*back, *reversed(front)]))

    def _draw_dots(self, painter: QPainter, surface: Surface, seen: NDArray[np.float64]) -> None:
        """Draw points that no quad has yet, and the one that is selected."""
        tokens, alone = theme.tokens(), np.isfinite(surface.height)
        known = np.isfinite(_of_quads(surface.shares))
        for down in (0, 1):
            for right in (0, 1):
                rows, columns = known.shape
                alone[down : down + rows, right : right + columns] &= ~known
        painter.setPen(Qt.PenStyle.NoPen)
        for row, column in np.argwhere(alone):
            grey = surface.greyed[row, column]
            painter.setBrush(QColor(tokens.disabled) if grey else shade(float(surface.shares[row, column])))
            painter.drawEllipse(QPointF(*seen[row, column]), _DOT, _DOT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(tokens.text), 2))
        chosen = (surface.numbers == self.number) & np.isfinite(surface.height)
        for row, column in np.argwhere(chosen) if self.number is not None else ():
            painter.drawEllipse(QPointF(*seen[row, column]), _MARK, _MARK)


def _of_quads(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of the four corners of each quad."""
    mean: NDArray[np.float64] = (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
    return mean


def _ends(values: tuple[str, ...], title: str) -> tuple[tuple[float, str], ...]:
    """Return the words at one edge of the floor, and where they stand: those of two edges do not meet."""
    return (FLOOR + _BEYOND, values[0]), (0.0, title), (-FLOOR - _BEYOND, values[-1])


def _some(count: int) -> NDArray[np.intp]:
    """Return the places of at most `_MOST_LINES` of so many, with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, _MOST_LINES)).round().astype(np.intp))

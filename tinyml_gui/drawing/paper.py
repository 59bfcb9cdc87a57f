"""What stands around the ink: the paper with its border, the ring of the brush, the area to paint anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from tinyml_gui.drawing.strokes import SIDE, PenPoint
from tinyml_gui.look import theme

__all__ = ["SEAM", "area_of", "paint_paper", "paint_ring"]

SEAM: Final = 2.0  #: px beyond the ink that antialiasing and a ring's line take


def paint_paper(painter: QPainter, paper: QRectF, focused: bool, is_target: bool) -> None:
    """Paint the square to draw on; its border shows the focus, and that what is dragged can be dropped."""
    t = theme.tokens()
    width = 3 if is_target else 2 if focused else 1
    painter.setPen(QPen(QColor(t.accent if focused or is_target else t.border), width))
    painter.setBrush(QColor(t.paper))
    inset = width / 2
    painter.drawRoundedRect(paper.adjusted(inset, inset, -inset, -inset), theme.RADIUS, theme.RADIUS)


def paint_ring(painter: QPainter, where: QPointF, radius: float, erases: bool) -> None:
    """Paint how wide the brush is."""
    t = theme.tokens()
    painter.setPen(QPen(QColor(t.bad if erases else t.outline), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(where, radius, radius)


def area_of(points: Sequence[PenPoint], paper: QRectF) -> QRect:
    """Return the part of the widget that a path along `points` may cover."""
    scale = paper.width() / SIDE
    reach = scale * max(point.width for point in points) / 2 + SEAM
    left, right = min(p.x for p in points), max(p.x for p in points)
    top, bottom = min(p.y for p in points), max(p.y for p in points)
    covered = QRectF(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale)
    covered.translate(paper.topLeft())
    return covered.adjusted(-reach, -reach, reach, reach).toAlignedRect()

"""Images in rows, as many as there are: only those in view are painted."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.keys import ARROWS, set_keys
from tinyml_gui.look.pictures import picture

__all__ = ["ImageGrid"]

_SIDE: Final = 14 * theme.GRID
_CELL: Final = _SIDE + theme.GRID
_FRAME: Final = 2


class ImageGrid(QAbstractScrollArea):
    """A grid that scrolls, with one image chosen by a click or the arrow keys.

    Signals
    -------
    chosen(int)
        The place of the image among those shown.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setAutoFillBackground(False)
        self.setAccessibleName("Images")
        set_keys(self, "Arrows choose an image")
        self.clear()

    def show_images(self, images: NDArray[np.uint8], places: NDArray[np.intp]) -> None:
        """Show the images at `places` of `images`, (n, height, width, channels); the view goes to the top."""
        self._images, self._places = images, places
        self.current = -1
        self._fit()
        self.verticalScrollBar().setValue(0)
        self.viewport().update()

    @property
    def count(self) -> int:
        """How many images are shown."""
        return len(self._places)

    def clear(self) -> None:
        """Show no images."""
        self.show_images(np.zeros((0, 1, 1, 1), np.uint8), np.zeros(0, np.intp))

    def choose(self, index: int) -> None:
        """Choose image `index` of those shown, and scroll to it."""
        if not 0 <= index < self.count:
            return
        self.current = index
        row, bar = index // self._columns, self.verticalScrollBar()
        if (top := row * _CELL) < bar.value():
            bar.setValue(top)
        elif (below := top + _CELL - self.viewport().height()) > bar.value():
            bar.setValue(below)
        self.viewport().update()
        self.chosen.emit(index)

    @property
    def _columns(self) -> int:
        return max(1, self.viewport().width() // _CELL)

    def _fit(self) -> None:
        rows = -(-self.count // self._columns)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(0, rows * _CELL - height))
        bar.setPageStep(height)
        bar.setSingleStep(_CELL)

    def _index_at(self, point: QPoint) -> int:
        column = point.x() // _CELL
        index = (point.y() + self.verticalScrollBar().value()) // _CELL * self._columns + column
        return index if column < self._columns and index < self.count else -1

    def sizeHint(self) -> QSize:
        return QSize(10 * _CELL, 6 * _CELL)

    def minimumSizeHint(self) -> QSize:
        return QSize(3 * _CELL, 3 * _CELL)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.choose(self._index_at(event.position().toPoint()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.choose(max(0, self.current) + step[0] + step[1] * self._columns if self.current >= 0 else 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        offset, columns = self.verticalScrollBar().value(), self._columns
        first = offset // _CELL * columns
        last = (offset + self.viewport().height()) // _CELL * columns + columns
        for index in range(first, min(last, self.count)):
            row, column = divmod(index, columns)
            frame = QRect(column * _CELL, row * _CELL - offset, _SIDE, _SIDE)
            painter.drawImage(frame, picture(self._images[self._places[index]]))
            if index == self.current:
                painter.setPen(QPen(QColor(theme.tokens().accent), _FRAME))
                painter.drawRect(frame)
        painter.end()

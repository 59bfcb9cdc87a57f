"""Widgets of one width side by side, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tinyml_gui.look import theme

__all__ = ["FlowGrid"]


class FlowGrid(QWidget):
    """Lays `widgets` out in rows and wraps where the width ends.

    Parameters
    ----------
    widgets : sequence of QWidget
        Each with a minimum and a maximum width; all get the same width.
    columns : int
        At most.
    """

    def __init__(self, widgets: Sequence[QWidget], columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all = self._widgets = tuple(widgets)
        self._most = max(1, columns)
        for widget in widgets:
            widget.setParent(self)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_only(self, shown: Collection[QWidget]) -> None:
        """Show those widgets that are in `shown`, without gaps where the others were."""
        self._widgets = tuple(widget for widget in self._all if widget in shown)
        for widget in self._all:
            widget.setVisible(widget in shown)
        self._arrange(self.width())

    def columns(self, width: int) -> int:
        """Return the number of columns in a width."""
        step = self._cell().width() + theme.GAP
        return max(1, min(self._most, len(self._widgets), (width + theme.GAP) // step))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._size(self.columns(width)).height()

    def sizeHint(self) -> QSize:
        return self._size(self._most)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._cell().width(), self.heightForWidth(self.width()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give every widget its place."""
        super().resizeEvent(event)
        self._arrange(event.size().width())

    def _arrange(self, room: int) -> None:
        columns = self.columns(room)
        width, height = self._width(room, columns), self._cell().height()
        for place, widget in enumerate(self._widgets):
            row, column = divmod(place, columns)
            widget.setGeometry(column * (width + theme.GAP), row * (height + theme.GAP), width, height)
        self.updateGeometry()

    def _cell(self) -> QSize:
        """Return the largest of the minimum widths, and the height that the tallest of the widgets needs."""
        width = max((widget.minimumWidth() for widget in self._widgets), default=0)
        height = max((widget.minimumSizeHint().height() for widget in self._widgets), default=0)
        return QSize(width, height)

    def _width(self, width: int, columns: int) -> int:
        """Return how wide each of `columns` is: they share what there is."""
        widest = min((widget.maximumWidth() for widget in self._widgets), default=0)
        return min((width + theme.GAP) // columns - theme.GAP, widest)

    def _size(self, columns: int) -> QSize:
        cell, columns = self._cell(), max(1, min(columns, len(self._widgets)))
        rows = -(-len(self._widgets) // columns)
        width = columns * (cell.width() + theme.GAP) - theme.GAP
        return QSize(width, max(0, rows * (cell.height() + theme.GAP) - theme.GAP))

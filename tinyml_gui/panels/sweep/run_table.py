"""The runs of a sweep as a table that sorts by any column; only the rows in view are asked for."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSignalBlocker,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from engine.boards.boards import Board
from tinyml_gui.look import theme
from tinyml_gui.viewmodels.sweep.results import MEASURES, SweepResults

__all__ = ["RunTable"]

_LEAST: Final = 60 * theme.GRID
_SETTINGS: Final = 40 * theme.GRID
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_NONE: Final = np.zeros(0, np.intp)
Index = QModelIndex | QPersistentModelIndex
_NOWHERE: Final = QModelIndex()


class RunTable(QTableView):
    """One row a run.

    Signals
    -------
    chosen(int)
        The number of the run that was selected.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs = _Runs(self)
        self._number: int | None = None
        self.setModel(self._runs)
        self.setSortingEnabled(True)
        self.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.around_text(6 * theme.GRID))
        self._dress(self.horizontalHeader())
        self.setMinimumHeight(theme.scaled(_LEAST))
        self.setAccessibleName("Networks")
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self._runs.layoutChanged.connect(self._select)
        self.horizontalHeader().sortIndicatorChanged.connect(self._show_selected)

    def show_results(self, results: SweepResults | None, board: Board | None) -> None:
        """Show results as they are now; networks at chance level and what `board` cannot hold are greyed."""
        self._runs.show_results(results, board)
        self._fit()

    def mark(self, number: int | None) -> None:
        """Show which run is selected."""
        if number != self._number:
            self._number = number
            self._select()
            self._show_selected()

    def _show_selected(self) -> None:
        """Scroll to the row that is selected."""
        if self._number is not None:
            self.scrollTo(self.currentIndex())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _dress(self, header: QHeaderView) -> None:
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(0)  # to what is in view; all rows would take too long
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setHighlightSections(False)

    def _fit(self) -> None:
        """Give the settings what the figures leave, and at least what can be read."""
        figures = sum(self.columnWidth(column) for column in range(1, self._runs.columnCount()))
        self.setColumnWidth(0, max(theme.scaled(_SETTINGS), self.viewport().width() - figures))

    def _select(self) -> None:
        with QSignalBlocker(self.selectionModel()):
            if self._number is None:
                self.selectionModel().clear()
            else:
                flags = QItemSelectionModel.SelectionFlag
                at = self._runs.index(self._runs.row_of(self._number), 0)
                self.selectionModel().setCurrentIndex(at, flags.ClearAndSelect | flags.Rows)
        self.viewport().update()

    def _row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self._number = self._runs.number_at(current.row())
            self.chosen.emit(self._number)


class _Runs(QAbstractTableModel):
    """Rows are runs in the order of a column; the first column says what the grid chose for each."""

    def __init__(self, parent: RunTable) -> None:
        super().__init__(parent)
        self._results: SweepResults | None = None
        self._greyed = np.zeros(0, np.bool_)
        self._order = self._rows = _NONE
        self._column, self._falls = 0, False

    def show_results(self, results: SweepResults | None, board: Board | None) -> None:
        """Take other results, or the same ones with other figures."""
        self._greyed = np.zeros(0, np.bool_) if results is None else results.greyed(board)
        if results is not self._results:
            self.beginResetModel()
            self._results = results
            self._arrange()
            self.endResetModel()
        else:
            self.sort(self._column, _order_of(self._falls))

    def number_at(self, row: int) -> int:
        """Return the number of the run in a row."""
        return int(self._order[row])

    def row_of(self, number: int) -> int:
        """Return the row of a run."""
        return int(self._rows[number])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows; runs without the figure come last."""
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        numbers = [self.number_at(index.row()) for index in held]
        self._column, self._falls = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()
        now = [
            self.index(self.row_of(number), index.column())
            for number, index in zip(numbers, held, strict=True)
        ]
        self.changePersistentIndexList(held, now)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        if self._results is None:
            self._order = self._rows = _NONE
            return
        self._order = _ordered(self._results, self._column - 1, self._falls)
        self._rows = np.empty_like(self._order)
        self._rows[self._order] = np.arange(len(self._order))

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1 + len(MEASURES)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return MEASURES[section - 1].title if section else "Settings"
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section else _LEFT
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        results, column = self._results, index.column() - 1
        if results is None:
            return None
        number = self.number_at(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return results.settings(number) if column < 0 else results.words(number, MEASURES[column])
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 0:
            return _RIGHT
        if role == Qt.ItemDataRole.ForegroundRole and self._greyed[number]:
            return QColor(theme.tokens().disabled)
        if role == Qt.ItemDataRole.ToolTipRole and number in results.failed:
            return results.failed[number]
        return None


def _order_of(falls: bool) -> Qt.SortOrder:
    return Qt.SortOrder.DescendingOrder if falls else Qt.SortOrder.AscendingOrder


def _ordered(results: SweepResults, column: int, falls: bool) -> NDArray[np.intp]:
    numbers = np.arange(len(results.runs))
    if column < 0:
        return numbers[::-1] if falls else numbers
    values = results.figures(MEASURES[column])
    return np.argsort(-values if falls else values, kind="stable")  # nan comes last

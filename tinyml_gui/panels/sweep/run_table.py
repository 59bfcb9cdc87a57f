"""The runs of a sweep as a table that sorts by any column; only the rows in view are asked for."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSignalBlocker,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from engine.boards.boards import Board
from tinyml_gui.look import theme
from tinyml_gui.viewmodels.sweep.results import COLUMNS, SweepResults

__all__ = ["RunTable"]

_SORT_ROLE: Final = Qt.ItemDataRole.UserRole
_LEAST: Final = 60 * theme.GRID
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
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
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._runs)
        self._sorted.setSortRole(_SORT_ROLE)
        self.setModel(self._sorted)
        self.setSortingEnabled(True)
        self.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.around_text(6 * theme.GRID))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setDefaultAlignment(_RIGHT)
        self.setMinimumHeight(theme.scaled(_LEAST))
        self.setAccessibleName("Networks")
        self.selectionModel().currentRowChanged.connect(self._row_changed)

    def show_results(self, results: SweepResults | None, board: Board | None, number: int | None) -> None:
        """Show results as they are now, with run `number` selected; what `board` cannot hold is greyed."""
        with QSignalBlocker(self.selectionModel()):
            self._runs.show_results(results, board)
            self._select(number)

    def _select(self, number: int | None) -> None:
        if number is None:
            self.clearSelection()
            return
        at = self._sorted.mapFromSource(self._runs.index(number, 0))
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(at, flags.ClearAndSelect | flags.Rows)
        self.viewport().update()

    def _row_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self._sorted.mapToSource(current).row())


class _Runs(QAbstractTableModel):
    """Rows are runs by number; the first column says what the grid chose for each."""

    def __init__(self, parent: RunTable) -> None:
        super().__init__(parent)
        self._results: SweepResults | None = None
        self._board: Board | None = None

    def show_results(self, results: SweepResults | None, board: Board | None) -> None:
        """Take other results, or the same ones with other figures."""
        self._board = board
        if results is not self._results:
            self.beginResetModel()
            self._results = results
            self.endResetModel()
        elif results is not None:
            self.dataChanged.emit(
                self.index(0, 0), self.index(len(results.runs) - 1, len(COLUMNS)), [_SORT_ROLE]
            )

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() or self._results is None else len(self._results.runs)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else 1 + len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section - 1].title if section else "Settings"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        results, number, column = self._results, index.row(), index.column() - 1
        if results is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return results.settings(number) if column < 0 else results.words(number, COLUMNS[column])
        if role == _SORT_ROLE:
            cell = number if column < 0 else results.cell(number, COLUMNS[column])
            return -1.0 if cell is None else cell
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= 0:
            return _RIGHT
        if role == Qt.ItemDataRole.ForegroundRole and results.is_greyed(number, self._board):
            return QColor(theme.tokens().disabled)
        return None

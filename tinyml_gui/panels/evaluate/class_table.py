"""The figures of each class; they sort by any column, and a row selects the mistakes of its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from tinyml_gui.look import theme
from tinyml_gui.viewmodels.evaluation import CLASS_HEADS

__all__ = ["ClassTable"]

_LABEL: Final = Qt.ItemDataRole.UserRole
_LEAST: Final = 44 * theme.GRID
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class ClassTable(QTableWidget):
    """One row a class.

    Signals
    -------
    chosen(int)
        The label of the class whose row was selected.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(CLASS_HEADS), parent)
        self.setHorizontalHeaderLabels(CLASS_HEADS)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.around_text(6 * theme.GRID))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setHighlightSections(False)
        self.setMinimumHeight(theme.scaled(_LEAST))
        self.setAccessibleName("Classes")
        self.itemSelectionChanged.connect(self._tell)

    def show_rows(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Show `rows`, in their order until the user sorts them."""
        self.setSortingEnabled(False)
        self.setRowCount(len(rows))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                cell = _Cell(text, is_name=column == 0)
                cell.setData(_LABEL, row)
                self.setItem(row, column, cell)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    def leave(self) -> None:
        """Select no row."""
        with QSignalBlocker(self):
            self.clearSelection()

    def _tell(self) -> None:
        for item in self.selectedItems()[:1]:
            self.chosen.emit(int(item.data(_LABEL)))


class _Cell(QTableWidgetItem):
    """Text that sorts by the number in it, where there is one."""

    def __init__(self, text: str, is_name: bool) -> None:
        super().__init__(text)
        self._number = _number(text)
        if not is_name:
            self.setTextAlignment(_RIGHT)

    def __lt__(self, other: QTableWidgetItem) -> bool:
        if isinstance(other, _Cell) and self._number is not None and other._number is not None:
            return self._number < other._number
        return super().__lt__(other)


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("%").replace(",", ""))
    except ValueError:
        return None

"""The classes of a data set with their numbers of images as bars; a chosen class filters the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from tinyml_gui.look import theme
from tinyml_gui.viewmodels.data import ClassRow

__all__ = ["ClassList"]

_ROW: Final = 6 * theme.GRID
_BAR: Final = 2 * theme.GRID
_ALL: Final = "All classes"
_SHARE_ROLE: Final = Qt.ItemDataRole.UserRole
_WORDS_ROLE: Final = Qt.ItemDataRole.UserRole + 1


class ClassList(QListWidget):
    """First all classes together, then a row for each; one of them is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Bars(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Classes")
        self.setMinimumHeight(theme.scaled(5 * _ROW))

    @property
    def label(self) -> int | None:
        """The label of the class that is chosen; None for all."""
        return self.currentRow() - 1 if self.currentRow() > 0 else None

    def show_rows(self, rows: Sequence[ClassRow]) -> None:
        """Show `rows`; all classes are chosen."""
        self.clear()
        self._add(_ALL, f"{sum(row.count for row in rows):,}", 0.0)
        for row in rows:
            self._add(row.name, row.words, row.share)
        self.setCurrentRow(0)

    def _add(self, name: str, words: str, share: float) -> None:
        item = QListWidgetItem(name)
        item.setData(_SHARE_ROLE, share)
        item.setData(_WORDS_ROLE, words)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}: {words}")
        self.addItem(item)


class _Bars(QStyledItemDelegate):
    """Paints a bar below the name and the number of each class."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, theme.scaled(_ROW))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        super().paint(painter, option, index)
        tokens, row = theme.tokens(), QRectF(option.rect).adjusted(theme.GAP, 0, -theme.GAP, 0)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.number_font(theme.CAPTION))
        painter.setPen(QColor(tokens.muted))
        aligned = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(row, aligned, str(index.data(_WORDS_ROLE)))
        if share := float(index.data(_SHARE_ROLE)):
            width = row.width() * 0.4
            bar = QRectF(row.left() + row.width() * 0.2, row.center().y() - _BAR / 2, width * share, _BAR)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.series[0]))
            painter.drawRoundedRect(bar, _BAR / 2, _BAR / 2)
        painter.restore()

"""Tab goes the way that the eye goes.

Qt's own order is that in which widgets were made. Layouts know better what follows what: rows from the top,
in a row from the left. So the order is taken from them, once a page is laid out, and again where fields are
added.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea, QLayout, QScrollArea, QSplitter, QWidget

__all__ = ["order_focus"]


def order_focus(root: QWidget) -> None:
    """Let Tab visit the widgets inside `root` in the order of its layouts."""
    previous: QWidget | None = None
    for widget in _in_order(root):
        if previous is not None:
            QWidget.setTabOrder(previous, widget)
        previous = widget


def _in_order(root: QWidget) -> Iterator[QWidget]:
    """Yield what Tab can reach in `root`; hidden and disabled widgets too, since they may be shown later."""
    if root.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield root
        if not isinstance(root, QScrollArea) and root.layout() is None:
            return  # what such a widget is made of is its own affair
    for child in _children(root):
        yield from _in_order(child)


def _children(root: QWidget) -> Iterator[QWidget]:
    """Yield the widgets right inside `root`, as they are laid out; then those that no layout holds."""
    if isinstance(root, QScrollArea):
        yield from filter(None, (root.widget(),))
    elif isinstance(root, QSplitter):
        yield from map(root.widget, range(root.count()))
    elif not isinstance(root, QAbstractScrollArea):
        layout = root.layout()
        placed = list(_placed(layout)) if layout is not None else []
        yield from placed
        yield from (child for child in _own(root) if child not in placed)


def _own(root: QWidget) -> list[QWidget]:
    return root.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly)


def _placed(layout: QLayout) -> Iterator[QWidget]:
    """Yield the widgets of `layout`: what it holds stands in it in the order of reading."""
    for index in range(layout.count()):
        item = layout.itemAt(index)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield widget
        elif inner is not None:
            yield from _placed(inner)

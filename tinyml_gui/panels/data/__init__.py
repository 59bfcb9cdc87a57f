"""The Data page: what there is to learn from, what looks wrong with it, and data of one's own."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.data.panel import DataPanel

    return DataPanel(controller)


PAGE = Page("Data", "data", "Look at the images, and bring in your own", _make)

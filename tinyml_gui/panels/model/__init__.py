"""The Model page: the network's layers, their fields, and what the network takes on a board."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.model.panel import ModelPanel

    return ModelPanel(controller)


PAGE = Page("Model", "model", "See and edit the network's layers", _make)

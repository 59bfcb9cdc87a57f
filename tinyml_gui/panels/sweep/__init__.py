"""The Sweep page: many networks trained together, and which is best for what it takes."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.sweep.panel import SweepPanel

    return SweepPanel(controller)


PAGE = Page("Sweep", "sweep", "Train many networks and compare them", _make)

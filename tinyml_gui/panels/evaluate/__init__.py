"""The Evaluate page: which classes are confused, on which images, and how sure the network is."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.evaluate.panel import EvaluatePanel

    return EvaluatePanel(controller)


PAGE = Page("Evaluate", "evaluate", "See which images the network gets wrong, and why", _make)

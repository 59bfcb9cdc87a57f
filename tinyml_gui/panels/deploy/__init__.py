"""The Deploy page: board, int8, export and verification."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.deploy.panel import DeployPanel

    return DeployPanel(controller)


PAGE = Page("Deploy", "deploy", "Export C for a microcontroller", _make)

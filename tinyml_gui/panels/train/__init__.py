"""The Train page: data, settings, the run and its curves."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.page import Page

__all__ = ["PAGE"]


def _make(controller: Controller) -> QWidget:
    """Return the panel; it is imported here and not at the start, which would take longer."""
    from tinyml_gui.panels.train.panel import TrainPanel

    return TrainPanel(controller)


PAGE = Page("Train", "train", "Train the network and watch it learn", _make)

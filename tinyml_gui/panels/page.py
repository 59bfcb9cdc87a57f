"""What the window knows of a page before it makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from tinyml_gui.control.controller import Controller

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """One entry of the navigation.

    Attributes
    ----------
    name : str
        The page's title, and its entry in navigation and menu.
    icon : str
        One of `tinyml_gui.look.icons.NAMES`.
    tip : str
        What can be done there; one line that begins with a capital letter.
    make : callable
        ``make(controller)`` returns the panel. It is called when the page is first needed.
    """

    name: str
    icon: str
    tip: str
    make: Callable[[Controller], QWidget]

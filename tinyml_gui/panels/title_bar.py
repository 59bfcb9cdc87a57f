"""The window's top line: menus, the file's name, undo and redo, the theme."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QMenuBar, QToolButton, QWidget

from engine.words import short
from tinyml_gui.look import theme
from tinyml_gui.look.actions import Actions
from tinyml_gui.look.widgets import IconButton

__all__ = ["TitleBar"]

_LONGEST: Final = 24  # characters of a file's name


class TitleBar(QWidget):
    """Menus at the left, the file in the middle, tools at the right.

    Parameters
    ----------
    actions : Actions
    pages : QMenu
        The pages' commands, for the View menu.
    """

    def __init__(self, actions: Actions, pages: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("titleBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(theme.around_text(theme.TITLE_BAR_HEIGHT))
        self.menu_bar = QMenuBar()
        self.menu_bar.setNativeMenuBar(False)
        actions.fill(self.menu_bar, pages)
        self.file_button = self._make_file_button(actions)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP, 0, theme.GAP + theme.GRID, 0)
        row.setSpacing(0)
        row.addWidget(self.menu_bar, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.file_button)
        row.addLayout(_tools(actions), 1)

    def show_title(self, name: str, modified: bool) -> None:
        """Show the file's name, with a dot when it holds unsaved changes."""
        shown = short(name, _LONGEST).replace("&", "&&")  # a single one would underline the next letter
        self.file_button.setText(f"{shown} •" if modified else shown)
        state = "Unsaved changes" if modified else "All changes saved"
        self.file_button.setToolTip(f"{short(name)}: {state.lower()}" if len(name) > _LONGEST else state)

    def _make_file_button(self, actions: Actions) -> QToolButton:
        made = QToolButton()
        made.setProperty("role", "file")
        made.setAccessibleName("Model file")
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        made.setMenu(actions.file_menu(self))
        return made


def _tools(actions: Actions) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(theme.GRID)
    row.addStretch()
    row.addWidget(IconButton("undo", "Undo change of the model").follow(actions["undo_model"]))
    row.addWidget(IconButton("redo", "Redo change of the model").follow(actions["redo_model"]))
    row.addSpacing(theme.GAP)
    row.addWidget(IconButton("theme", "Switch between light and dark").follow(actions["theme_toggle"]))
    return row

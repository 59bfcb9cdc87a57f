"""One QAction per command, with its words, shortcut, icon and status tip; the menus are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

__all__ = ["COMMANDS", "Actions", "Command"]

_Key = QKeySequence.StandardKey


@dataclass(frozen=True)
class Command:
    """What is written about a command.

    Attributes
    ----------
    text : str
        In the menu, with its mnemonic.
    tip : str
        One line for the message area.
    shortcut : str or QKeySequence.StandardKey or None
    checkable : bool
    """

    text: str
    tip: str
    shortcut: str | QKeySequence.StandardKey | None = None
    checkable: bool = False


COMMANDS: Final = {
    "open": Command("&Open…", "Open a model from a .tinyml file", _Key.Open),
    "import": Command("&Import…", "Take in a network that another program made"),
    "save": Command("&Save", "Save the model to its file", _Key.Save),
    "save_as": Command("Save &as…", "Save the model to another file", "Ctrl+Shift+S"),
    "forget_recent": Command("&Forget these files", "Empty the list of recent files"),
    "quit": Command("&Quit", "Close the window and end the program", "Ctrl+Q"),
    "undo": Command("&Undo", "Undo the last stroke where you draw, else a change of the model", "Ctrl+Z"),
    "redo": Command("&Redo", "Redo what was undone last", "Ctrl+Shift+Z"),
    "undo_model": Command("Undo a change of the model", "Undo the last change of the model"),
    "redo_model": Command("Redo a change of the model", "Redo the change of the model that was undone last"),
    "clear": Command("&Clear drawing", "Wipe the canvas; Undo brings the drawing back", "Ctrl+Backspace"),
    "paste": Command("&Paste image", "Put the clipboard's image on the canvas", _Key.Paste),
    "draw": Command("&Draw", "Put the keyboard's focus on the canvas", "Ctrl+D"),
    "theme_system": Command("Like the &system", "Follow the system's light or dark theme", checkable=True),
    "theme_light": Command("&Light", "Dark text on light", checkable=True),
    "theme_dark": Command("&Dark", "Light text on dark", checkable=True),
    "theme_toggle": Command("Switch &theme", "Switch between light and dark", "Ctrl+Shift+L"),
    "about": Command("&About", "Version and licences"),
}


class Actions:
    """Makes every command's QAction once, on `window`, where its shortcut works.

    Attributes
    ----------
    new_menu, recent_menu, shipped_menu : QMenu
        Filled by the window: what is in them is known only later.
    """

    def __init__(self, window: QWidget) -> None:
        self._actions = {name: _make(command, window) for name, command in COMMANDS.items()}
        themes = QActionGroup(window)
        for mode in ("system", "light", "dark"):
            themes.addAction(self[f"theme_{mode}"])
        window.addActions(list(self._actions.values()))
        self.new_menu = QMenu("&New from preset", window)
        self.shipped_menu = QMenu("Shipped &models", window)
        self.recent_menu = QMenu("Open &recent", window)

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def fill(self, bar: QMenuBar, pages: QMenu) -> None:
        """Put all commands into menus on `bar`."""
        bar.addMenu(self.file_menu(bar))
        edit = bar.addMenu("&Edit")
        self._add(edit, "undo", "redo", None, "paste", "clear")
        view = bar.addMenu("&View")
        view.addActions(pages.actions())
        self._add(view, "draw", None, "theme_system", "theme_light", "theme_dark", None, "theme_toggle")
        self._add(bar.addMenu("&Help"), "about")

    def file_menu(self, parent: QWidget) -> QMenu:
        """Return the menu of everything that is done to a file."""
        menu = QMenu("&File", parent)
        menu.addMenu(self.new_menu)
        menu.addMenu(self.shipped_menu)
        menu.addSeparator()
        self._add(menu, "open")
        menu.addMenu(self.recent_menu)
        self._add(menu, "import", None, "save", "save_as", None, "quit")
        return menu

    def _add(self, menu: QMenu, *names: str | None) -> None:
        for name in names:
            if name is None:
                menu.addSeparator()
            else:
                menu.addAction(self[name])


def _make(command: Command, window: QWidget) -> QAction:
    action = QAction(command.text, window)
    action.setStatusTip(command.tip)
    action.setCheckable(command.checkable)
    if command.shortcut is not None:
        action.setShortcut(QKeySequence(command.shortcut))
    return action

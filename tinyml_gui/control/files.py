"""Opens and saves model files, and asks before unsaved changes would be lost."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from engine.storage.model_file import SUFFIX
from engine.storage.shipped import SHIPPED
from engine.words import short
from tinyml_gui.background.import_jobs import TakenIn
from tinyml_gui.control.controller import Controller
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.actions import Actions
from tinyml_gui.look.question import Answer, ask
from tinyml_gui.viewmodels.recovery import Offer

__all__ = ["FileController"]

_FILTER: Final = "TinyML models (*.tinyml);;All files (*)"


class FileController(QObject):
    """Connects the file commands of `actions` with `controller`.

    Parameters
    ----------
    window : QWidget
        Parent of the dialogs.
    """

    def __init__(self, window: QWidget, actions: Actions, controller: Controller, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self._controller = controller
        self._settings = settings
        actions["open"].triggered.connect(self._open)
        actions["import"].triggered.connect(self._import)
        controller.imports.read.connect(self._take_in)
        controller.imports.refused.connect(controller.error)
        actions["save"].triggered.connect(self.save)
        actions["save_as"].triggered.connect(self.save_as)
        actions["forget_recent"].triggered.connect(settings.clear_recent_files)
        actions.recent_menu.aboutToShow.connect(self._fill_recent)
        actions.new_menu.aboutToShow.connect(self._fill_new)
        self._fill_shipped(actions.shipped_menu)

    def open(self, path: str | Path) -> None:
        """Open a file after asking about unsaved changes; faults go to the controller's ``error``.

        What another program made is read first, beside the window, and asked about once it can be used.
        """
        from engine.formats.imports import usual_suffixes

        if Path(path).suffix.lower() in usual_suffixes():
            self._controller.imports.start(Path(path))
        elif self.may_discard():
            self._controller.open_file(Path(path))
            if self._controller.path == Path(path):
                self._settings.add_recent_file(path)

    @Slot(result=bool)
    def save(self) -> bool:
        """Save to the model's file, asking for one where it has none; tell whether it is saved."""
        path = self._controller.path
        return self.save_as() if path is None else self._save_to(path)

    @Slot(result=bool)
    def save_as(self) -> bool:
        """Ask for a file and save to it; tell whether it is saved."""
        start = self._controller.path or self._folder() / f"{self._controller.path_or_name}{SUFFIX}"
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the model", str(start), _FILTER)
        if not name:
            return False
        path = Path(name)
        return self._save_to(path if path.suffix else path.with_suffix(SUFFIX))

    def may_discard(self) -> bool:
        """Ask what to do with unsaved changes; tell whether to go on."""
        if not self._controller.is_modified:
            return True
        answer = self._ask()
        return answer == Answer.Discard or (answer == Answer.Save and self.save())

    def open_shipped(self, name: str) -> None:
        """Open a model that comes with the application; saving it will ask for a file."""
        if self.may_discard():
            self._controller.open_shipped(name)

    def restore(self, offer: Offer) -> None:
        """Open what an ended program has left unsaved."""
        if self.may_discard():
            self._controller.recovery.restore(offer)

    def new_from_preset(self, name: str) -> None:
        """Start an untrained network from a preset."""
        if self.may_discard():
            self._controller.new_from_preset(name)

    def _ask(self) -> Answer:
        return ask(
            self._window,
            "Unsaved changes",
            f"Save the changes of {short(self._controller.path_or_name)}?",
            Answer.Save | Answer.Discard | Answer.Cancel,
            Answer.Save,
            "Without saving, what you changed and trained is lost.",
        )

    def _save_to(self, path: Path) -> bool:
        self._controller.save_file(path)
        if self._controller.is_modified or self._controller.path != path:
            return False
        self._settings.add_recent_file(path)
        return True

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a model", str(self._folder()), _FILTER)
        if name:
            self.open(name)

    def _import(self) -> None:
        from engine.formats.imports import usual_suffixes

        kinds = " ".join(f"*{suffix}" for suffix in usual_suffixes())
        kinds = f"Networks of other programs ({kinds});;All files (*)"
        name, _ = QFileDialog.getOpenFileName(self._window, "Import a network", str(self._folder()), kinds)
        if Path(name).suffix.lower() == SUFFIX:
            self.open(name)
        elif name:
            self._controller.imports.start(Path(name))

    @Slot(object)
    def _take_in(self, found: TakenIn) -> None:
        if self.may_discard():
            self._controller.open_import(found)

    def _folder(self) -> Path:
        """Where the last file was."""
        recent = self._settings.recent_files
        return Path(recent[0]).parent if recent else Path.home()

    def _fill_recent(self) -> None:
        menu = self._actions.recent_menu
        menu.clear()
        for path in self._settings.recent_files:
            self._add(menu, Path(path).name, path, path, self._open_recent)
        if menu.isEmpty():
            menu.addAction("No files yet").setEnabled(False)
            return
        menu.addSeparator()
        menu.addAction(self._actions["forget_recent"])

    def _fill_new(self) -> None:
        from engine.nn.presets import PRESETS

        menu = self._actions.new_menu
        menu.clear()
        for name, preset in PRESETS.items():
            self._add(menu, preset.title, preset.doc, name, self._new)

    def _fill_shipped(self, menu: QMenu) -> None:
        for name, words in SHIPPED.items():
            self._add(
                menu, words, f"Open the model {name} that comes with the application", name, self._shipped
            )

    def _add(self, menu: QMenu, text: str, tip: str, data: str, slot: object) -> None:
        action = QAction(text.replace("&", "&&"), menu)
        action.setStatusTip(tip)
        action.setData(data)
        action.triggered.connect(slot)
        menu.addAction(action)

    def _open_recent(self) -> None:
        self.open(self._data())

    def _new(self) -> None:
        self.new_from_preset(self._data())

    def _shipped(self) -> None:
        self.open_shipped(self._data())

    def _data(self) -> str:
        """What the action that was triggered stands for."""
        sender = self.sender()
        assert isinstance(sender, QAction)
        return str(sender.data())

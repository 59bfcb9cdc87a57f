"""What the exported files are called, what is in them and where they go: the card with the page's buttons."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from engine.errors import TinyMLError
from engine.export import FORMATS, ExportOptions, suggest_name
from engine.knobs import knobs_of, knobs_to_json
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, name_of, set_role
from tinyml_gui.panels.forms import KnobForm
from tinyml_gui.viewmodels.deploy import name_error, verification_obstacle

__all__ = ["ExportCard"]

_BOTH_TIP: Final = "Write the files, then compile and run them to prove what they do"
_EXPORT_TIP: Final = "Write the files only"
_VERIFY_TIP: Final = "Compile and run only; no files are written"
_NAME: Final = "name"  # the option that has to be a C identifier
_FOLDER: Final = "export_folder"


class ExportCard(Card):
    """Options, folder and buttons.

    Signals
    -------
    refused(str)
        The options contradict each other; why.
    """

    refused = Signal(str)

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._suggested = ""
        self._left: QPushButton | None = None  # had the focus before it was disabled
        self.form = KnobForm(knobs_of(ExportOptions), columns=4, more="More options")
        self.folder_edit = QLineEdit()
        self.folder_button = button("Choose…")
        self.both_button = button("Export and verify", "primary")
        self.export_button = button("Export")
        self.verify_button = button("Verify")
        self._lay_out()
        self._fill()
        self._show_format()
        self.form.changed.connect(self._option_changed)
        controller.deployment.target_changed.connect(self._show_format)
        self.folder_button.clicked.connect(self._choose_folder)
        controller.model_changed.connect(self.suggest_name)

    def _lay_out(self) -> None:
        self.body.setSpacing(theme.GAP + theme.GRID)
        self.body.addWidget(self.form)
        self.body.addLayout(self._folder_row())
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        self.both_button.setMinimumWidth(36 * theme.GRID)
        for made in (self.both_button, self.export_button, self.verify_button):
            row.addWidget(made)
        row.addStretch()
        if self.form.more_button is not None:  # in the row of the buttons it needs no line of its own
            row.addWidget(self.form.more_button)
        self.body.addLayout(row)

    def _folder_row(self) -> QVBoxLayout:
        self.folder_edit.setAccessibleName("Folder")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(self.folder_edit, stretch=1)
        row.addWidget(self.folder_button)
        column = QVBoxLayout()
        column.setSpacing(theme.GRID)
        column.addWidget(name_of(self.folder_edit, "Folder"))
        column.addLayout(row)
        return column

    @property
    def folder(self) -> Path:
        """Where the files go."""
        folder = Path(self.folder_edit.text().strip() or ".")
        with suppress(RuntimeError):  # ~nobody is a folder's own name where there is no such user
            folder = folder.expanduser()
        return folder

    def remember_folder(self) -> None:
        """Offer this folder at the next start too."""
        self._controller.settings.set_text(_FOLDER, str(self.folder))

    def options(self) -> ExportOptions | None:
        """Return what was chosen, or mark the field at fault."""
        fault = name_error(str(self.form.fields[_NAME].value()))
        if fault:
            self.form.fields[_NAME].show_error(fault)
            self.form.fields[_NAME].editor.setFocus()
            return None
        try:
            return ExportOptions(**self.form.values())
        except TinyMLError as error:
            self.refused.emit(str(error))
            return None

    def enable(self, usable: bool, reason: str) -> None:
        """Enable the buttons, or say by `reason` why they are disabled; the focus returns to where it was."""
        buttons = {
            self.both_button: _BOTH_TIP,
            self.export_button: _EXPORT_TIP,
            self.verify_button: _VERIFY_TIP,
        }
        focused = next((made for made in buttons if made.hasFocus()), None)
        if focused is not None and not usable:
            self._left = focused
            self.setFocus()
        not_verifiable = verification_obstacle(self._controller.deployment.format)
        for made, tip in buttons.items():
            obstacle = "" if made is self.export_button else not_verifiable
            made.setEnabled(usable and not obstacle)
            made.setToolTip(reason or obstacle or tip)
        set_role(self.export_button, "primary" if not_verifiable else "")
        if usable and self._left is not None:
            if self.hasFocus():
                self._left.setFocus()
            self._left = None

    def suggest_name(self) -> None:
        """Propose a name for another model; for the same model, a name that the user has typed stays."""
        before, self._suggested = self._suggested, suggest_name(self._controller.path_or_name)
        if before != self._suggested:
            self.form.set_values({_NAME: self._suggested})

    def _fill(self) -> None:
        folder = self._controller.settings.text(_FOLDER) or str(Path.home() / "tinyml-export")
        self.folder_edit.setText(folder)
        self.form.set_values(knobs_to_json(ExportOptions()))
        self.suggest_name()

    def _option_changed(self, name: str, value: object) -> None:
        if name == _NAME:
            self.form.fields[_NAME].show_error(name_error(str(value)))
        self._tell_options()

    def _show_format(self) -> None:
        """Show the options that the chosen format takes, and no others."""
        self.form.show_only(FORMATS[self._controller.deployment.format].option_names)
        self._tell_options()

    def _tell_options(self) -> None:
        with suppress(TinyMLError):  # the form says it beside the field
            self._controller.deployment.choose_options(ExportOptions(**self.form.values()))

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Export to", self.folder_edit.text())
        if path:
            self.folder_edit.setText(path)

"""Which data to train on, and which network to start from: the two choices at the top of the Train page."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from engine.data.catalogue import STARTER
from engine.files import is_folder
from engine.nn.presets import PRESETS
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import caption, name_of
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.viewmodels.starts import CONTINUE, FRESH, data_title, proposed_start
from tinyml_gui.viewmodels.training import data_facts

__all__ = ["RunChoice"]

_FOLDER: Final = ""  # data of the entry "Choose folder…"
_DOWNLOAD: Final = "download:"  # before the name, in the data of an entry that offers one
_REMEMBERED: Final = "data"
_ROOT: Final = "data_folder"
_ENABLED: Final = Qt.ItemFlag.ItemIsEnabled
_ENABLED_ROLE: Final = Qt.ItemDataRole.UserRole - 1  # where Qt keeps an entry's flags
_WIDTHS: Final = (46 * theme.GRID, 68 * theme.GRID)  # at least, at most


class RunChoice(QWidget):
    """Data set and network, with a note below each.

    Signals
    -------
    start_changed()
        Another start was chosen or proposed.
    """

    start_changed = Signal()

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._training = controller.training
        self.data_combo, self._facts = QComboBox(), caption(wrap=True)
        self.start_combo, self._start_note = QComboBox(), caption(wrap=True)
        self._restore_data()
        self._fill_starts()
        self._lay_out()
        self.data_combo.activated.connect(self._choose_data)
        self.start_combo.activated.connect(self.start_changed)
        self._training.data_changed.connect(self._data_changed)
        self._training.downloads.fetched.connect(self._take_new)
        controller.data.used.connect(self._take_new)
        controller.data.listed.connect(self._fill_again)
        controller.model_changed.connect(self.show_notes)
        controller.opened.connect(self.propose)
        self.propose()

    @property
    def start(self) -> str:
        """`CONTINUE`, `FRESH` or the name of a preset."""
        return str(self.start_combo.currentData())

    def read_data(self) -> None:
        """Read the chosen data set, where none has been read yet."""
        if not self._training.data_name:
            self._training.choose_data(str(self.data_combo.currentData()))

    def propose(self) -> None:
        """Propose the start that suits the model and the data."""
        data = self._training.data_name or str(self.data_combo.currentData())
        controller = self._controller
        self._set_start(proposed_start(controller.model, data, controller.is_shipped))

    def _data_changed(self) -> None:
        self._show_chosen()
        self.show_notes()

    def go_on(self) -> None:
        """Choose to continue with this network: it has just been trained."""
        self._set_start(CONTINUE)

    def _set_start(self, start: str) -> None:
        self.start_combo.setCurrentIndex(self.start_combo.findData(start))
        self.show_notes()
        self.start_changed.emit()

    def show_notes(self) -> None:
        """Say what was chosen."""
        data = self._training.data
        reading = "Reading…" if self._training.loading else ""
        self._facts.setText(reading if data is None else data_facts(data))
        preset = PRESETS.get(self.start)
        document = self._controller.state.document
        spec = document.spec
        size = f"{len(spec.layers)} layers"
        size += f" · {spec.parameters:,} parameters" if document.fault is None else ", one with a fault"
        self._start_note.setText(preset.doc if preset else size)

    # Layout

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.GAP_WIDE)
        grid.setVerticalSpacing(theme.GRID)
        names = ("Data set", self.data_combo, self._facts), ("Network", self.start_combo, self._start_note)
        for at, (words, combo, note) in enumerate(names):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumWidth(_WIDTHS[0])
            combo.setMaximumWidth(theme.scaled(_WIDTHS[1]))
            combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            combo.setAccessibleName(words)
            calm_wheel(combo)
            note.setMaximumWidth(theme.scaled(_WIDTHS[1]))
            for row, widget in enumerate((name_of(combo, words), combo, note)):
                grid.addWidget(widget, row, at)
            grid.setColumnStretch(at, 1)
        outside = QHBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addLayout(grid, stretch=100)
        outside.addStretch(1)

    # Data

    def _fill_data(self) -> None:
        """List what there is, how to get what is not, and the folders chosen so far."""
        folders = [str(self.data_combo.itemData(i)) for i in range(self.data_combo.count())]
        catalogue = self._training.catalogue
        present = catalogue.present()
        self.data_combo.clear()
        for name in catalogue.names():
            self._add_entry(name, name in present)
        self.data_combo.addItem("Choose folder…", _FOLDER)
        for folder in folders:
            if folder and folder not in catalogue.names() and not folder.startswith(_DOWNLOAD):
                self._add_folder(folder)

    def _add_entry(self, name: str, present: bool) -> None:
        catalogue, combo = self._training.catalogue, self.data_combo
        info = catalogue.info(name)
        if present:
            combo.addItem(info.title, name)
        elif catalogue.can_download(name):
            combo.addItem(f"Download {info.title}…", _DOWNLOAD + name)
        else:
            combo.addItem(f"{info.title} (not on this computer)", name)
            combo.setItemData(combo.count() - 1, 0, _ENABLED_ROLE)
        hint = info.source if present else f"Not on this computer. {info.how_to_get}"
        combo.setItemData(combo.count() - 1, hint, Qt.ItemDataRole.ToolTipRole)

    def _restore_data(self) -> None:
        """Offer what was chosen last time, where it is still there."""
        settings, catalogue = self._controller.settings, self._training.catalogue
        root, remembered = settings.text(_ROOT), settings.text(_REMEMBERED) or STARTER
        if root and is_folder(root):
            catalogue.add_folder(root)
        self._fill_data()
        if remembered not in catalogue.names() and is_folder(remembered):
            self._add_folder(remembered)
        place = self.data_combo.findData(remembered)
        enabled = place >= 0 and bool(self.data_combo.model().index(place, 0).flags() & _ENABLED)
        self.data_combo.setCurrentIndex(place if enabled else 0)

    def _choose_data(self) -> None:
        chosen = str(self.data_combo.currentData())
        if chosen.startswith(_DOWNLOAD):
            self._training.downloads.start(chosen.removeprefix(_DOWNLOAD))
        elif name := chosen or self._ask_folder():
            self._take(name)
        self._show_chosen()

    def _take(self, name: str) -> None:
        self._controller.settings.set_text(_REMEMBERED, name)
        self._training.choose_data(name)
        self.propose()

    def _take_new(self, name: str) -> None:
        """Train on what was fetched or imported, unless a run holds the data that are chosen."""
        self._fill_data()
        if not self._training.is_running:
            self._take(name)
        self._show_chosen()

    def _fill_again(self) -> None:
        """List the data sets anew: there are others than before."""
        self._fill_data()
        self._show_chosen()

    def _show_chosen(self) -> None:
        self.data_combo.setCurrentIndex(max(0, self.data_combo.findData(self._training.data_name)))

    def _ask_folder(self) -> str:
        """Return the data set chosen: a folder's own path, or the name of one that lies in it."""
        path = QFileDialog.getExistingDirectory(self, "Choose a folder of IDX files, or one that holds mnist")
        if not path:
            return ""
        inside = self._training.catalogue.add_folder(path)
        if inside:
            self._controller.settings.set_text(_ROOT, path)
            self._fill_data()
            return inside[0]
        if self.data_combo.findData(path) < 0:
            self._add_folder(path)
        return path

    def _add_folder(self, path: str) -> None:
        self.data_combo.insertItem(self.data_combo.count() - 1, data_title(path), path)
        self.data_combo.setItemData(self.data_combo.count() - 2, path, Qt.ItemDataRole.ToolTipRole)

    # Starts

    def _fill_starts(self) -> None:
        self.start_combo.addItem("This network, continue training", CONTINUE)
        self.start_combo.addItem("This network, from scratch", FRESH)
        self.start_combo.insertSeparator(2)
        for name, preset in PRESETS.items():
            self.start_combo.addItem(f"New: {preset.title}", name)

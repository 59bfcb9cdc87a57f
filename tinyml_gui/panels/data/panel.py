"""The Data page: choose a data set, see its classes, its images and what looks wrong; import one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from engine.data.catalogue import STARTER
from tinyml_gui.control.controller import Controller
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import (
    HeadFigures,
    button,
    caption,
    label,
    name_of,
    page_head,
    section,
    set_role,
)
from tinyml_gui.panels.data.class_list import ClassList
from tinyml_gui.panels.data.import_bar import ImportBar
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.panels.views.image_grid import ImageGrid
from tinyml_gui.viewmodels.data import class_rows, facts, findings_words, places_of, tile_words
from tinyml_gui.viewmodels.starts import data_title

__all__ = ["DataPanel"]

_CLASSES_WIDTH: Final = 70 * theme.GRID
_LEAST_CHOICE: Final = 46 * theme.GRID
_PICTURES: Final = "Pictures (*.jpg *.jpeg *.png *.webp *.tif *.tiff)"
_FILES: Final = "Tables, arrays, archives (*.csv *.tsv *.txt *.npz *.zip *.tar *.tgz *.gz);;All files (*)"


class DataPanel(QWidget):
    """Lays out choice, findings, classes and images."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._training, self._data = controller.training, controller.data
        self.head = HeadFigures()
        self.choice = self._make_choice()
        self.import_button, self.use_button = button("Import"), button("Use for training", "primary")
        self.import_bar = ImportBar(self._data)
        self.findings = label(wrap=True)
        self.classes, self.images, self.image_line = ClassList(), ImageGrid(), caption()
        self._shown: object = None
        self._lay_out()
        self._connect()
        self._fill_choice()

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the data of the Train page when the page is first seen."""
        super().showEvent(event)
        if not self._data.name:
            self._data.choose(self._training.data_name or STARTER)

    # Layout

    def _make_choice(self) -> QComboBox:
        made = QComboBox()
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        made.setMinimumWidth(_LEAST_CHOICE)
        made.setAccessibleName("Data set")
        calm_wheel(made)
        return made

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addLayout(page_head("Data", self.head))
        inside = QVBoxLayout()
        inside.setSpacing(theme.GAP + theme.GRID)
        inside.setContentsMargins(0, 0, theme.SCROLL_BAR, 0)
        inside.addLayout(self._choice_row())
        inside.addWidget(self.import_bar)
        inside.addWidget(self.findings)
        inside.addLayout(self._browser(), stretch=1)
        column.addLayout(inside, stretch=1)

    def _choice_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(name_of(self.choice, "Data set"))
        row.addWidget(self.choice, stretch=1)
        row.addWidget(self.import_button)
        row.addWidget(self.use_button)
        return row

    def _browser(self) -> QHBoxLayout:
        row, left, right = QHBoxLayout(), QVBoxLayout(), QVBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        self.classes.setFixedWidth(theme.scaled(_CLASSES_WIDTH))
        left.addWidget(section("Classes"))
        left.addWidget(self.classes, stretch=1)
        right.addWidget(section("Images"))
        right.addWidget(self.images, stretch=1)
        right.addWidget(self.image_line)
        row.addLayout(left)
        row.addLayout(right, stretch=1)
        return row

    def _connect(self) -> None:
        menu = QMenu(self.import_button)
        menu.addAction("File…", self._import_file).setStatusTip("A table, arrays, or a zip or tar file")
        menu.addAction("Folder…", self._import_folder).setStatusTip("Pictures, IDX files or tables")
        menu.addAction("Photograph of a sheet…", self._import_photograph).setStatusTip(
            "A printed sheet that you have written on"
        )
        menu.addSeparator()
        menu.addAction("Print a sheet to write on…", self._print_sheet).setStatusTip(
            "A page with a box for each character, for handwriting of your own"
        )
        self.import_button.setMenu(menu)
        self.choice.activated.connect(self._choose)
        self.use_button.clicked.connect(self._use)
        self.classes.currentRowChanged.connect(self._show_images)
        self.images.chosen.connect(self._show_line)
        self._data.changed.connect(self._show)
        self._training.changed.connect(self._update_use)
        self._data.listed.connect(self._fill_choice)

    # What the user does

    def _choose(self) -> None:
        self._data.choose(str(self.choice.currentData()))

    def _use(self) -> None:
        self._data.use(self._data.name)

    def _import_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import images from a file", "", _FILES)
        if path:
            self._data.start_import(Path(path))

    def _import_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Import images from a folder")
        if path:
            self._data.start_import(Path(path))

    def _import_photograph(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Import a photograph of a sheet", "", _PICTURES)
        if path:
            self._data.start_import(Path(path))

    def _print_sheet(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save a sheet to print", "sheet.pdf", "PDF (*.pdf)")
        if path:
            self._data.print_sheet(Path(path))

    # What is shown

    def _fill_choice(self) -> None:
        catalogue = self._data.catalogue
        self.choice.clear()
        for name in catalogue.present():
            self.choice.addItem(catalogue.info(name).title, name)
        if self.choice.findData(self._data.name) < 0 and self._data.name:
            self.choice.addItem(data_title(self._data.name), self._data.name)
        self._show()

    def _show(self) -> None:
        place = self.choice.findData(self._data.name)
        if place < 0 and self._data.name:
            self._fill_choice()
            return
        self.choice.setCurrentIndex(place)
        looked = self._data.looked
        self._update_use()
        self.import_button.setEnabled(not self._data.importing)
        if looked is self._shown:
            return
        self._shown = looked
        if looked is None:
            self.head.show_figures("", "Reading…" if not self._data.error else "")
            self.findings.setText("")
            self.classes.clear()
            self._show_images()
            return
        self.head.show_figures(
            f"{len(looked.train):,}", f"images to train on · {facts(looked.train, looked.test_images)}"
        )
        set_role(self.findings, "warning" if looked.inspection.findings else "muted")
        self.findings.setText(findings_words(looked.inspection))
        self.classes.show_rows(class_rows(looked.inspection))

    def _update_use(self) -> None:
        running = self._training.is_running
        self.use_button.setEnabled(self._data.looked is not None and not running)
        self.use_button.setToolTip("A training is running; stop it first" if running else "")

    def _show_images(self) -> None:
        looked = self._data.looked
        self.image_line.setText("")
        if looked is None:
            self.images.clear()
        else:
            self._places = places_of(looked.train, self.classes.label)
            self.images.show_images(looked.train.images, self._places)

    def _show_line(self, index: int) -> None:
        looked = self._data.looked
        if looked is not None:
            words = tile_words(looked.train, int(self._places[index]))
            self.image_line.setText(words)
            self.images.setAccessibleDescription(words)

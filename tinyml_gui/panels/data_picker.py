"""A list of the data sets on this computer; it shows the same choice as the Train page."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QWidget

from engine.data.catalogue import STARTER
from tinyml_gui.control.controller import Controller
from tinyml_gui.panels.inputs import calm_wheel
from tinyml_gui.viewmodels.starts import data_title

__all__ = ["DataPicker"]


class DataPicker(QComboBox):
    """Chooses the data set. More of them, and folders, are to be found on the Data and the Train page."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings, self._training = controller.settings, controller.training
        self.setAccessibleName("Data set")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        calm_wheel(self)
        self._fill()
        self.activated.connect(self._choose)
        self._training.data_changed.connect(self._fill)
        controller.data.listed.connect(self._fill)

    def read(self) -> None:
        """Read the data set that was chosen last, where none has been read yet."""
        if not self._training.data_name:
            self._training.choose_data(self._settings.text("data") or STARTER)

    def _fill(self) -> None:
        catalogue, chosen = self._training.catalogue, self._training.data_name
        self.clear()
        for name in catalogue.present():
            info = catalogue.info(name)
            self.addItem(info.title, name)
            self.setItemData(self.count() - 1, info.source, Qt.ItemDataRole.ToolTipRole)
        if chosen and self.findData(chosen) < 0:
            self.addItem(data_title(chosen), chosen)
        self.setCurrentIndex(self.findData(chosen))

    def _choose(self) -> None:
        name = str(self.currentData())
        self._settings.set_text("data", name)
        self._training.choose_data(name)

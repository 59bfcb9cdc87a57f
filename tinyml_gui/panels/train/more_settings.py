"""The settings of a run that few change, folded away, with a look at what augmentation does."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from engine.data import Dataset
from engine.errors import FieldError
from engine.knobs import knobs_of, knobs_to_json
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import button, caption
from tinyml_gui.panels.forms import KnobForm
from tinyml_gui.panels.train.augment_preview import COUNT, AugmentPreview
from tinyml_gui.viewmodels.augmentation import preview

__all__ = ["MoreSettings"]

_COALESCE_MS: Final = 30


class MoreSettings(QWidget):
    """Advanced fields, augmentation fields and their preview.

    Attributes
    ----------
    form, augment_form : KnobForm
    toggle : QToolButton
        Shows and hides all this; placed by the page.
    """

    def __init__(self, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = KnobForm([k for k in knobs_of(TrainConfig) if k.advanced], columns)
        self.augment_form = KnobForm(knobs_of(Augmentation), columns)
        self.preview = AugmentPreview()
        self.others_button = button("Other images")
        self.toggle = QToolButton()
        self._data: Dataset | None = None
        self._seed = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_COALESCE_MS)
        self._timer.timeout.connect(self._draw)
        self._lay_out()
        self._connect()

    def show_data(self, data: Dataset | None) -> None:
        """Take images of `data` for the preview."""
        if data is not self._data:
            self._data = data
            self._timer.start()

    def show_settings(self, config: TrainConfig) -> None:
        """Show the values of `config` in the fields, and what they make of the images."""
        self.form.set_values(knobs_to_json(config))
        self.augment_form.set_values(knobs_to_json(config.augmentation))
        self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP + theme.GRID)
        column.addWidget(self.form)
        column.addWidget(caption("Show training images a little differently each time, by at most:"))
        column.addWidget(self.augment_form)
        row = QHBoxLayout()
        row.addWidget(caption("As training will see them"))
        row.addStretch()
        row.addWidget(self.others_button)
        column.addLayout(row)
        column.addWidget(self.preview)
        self.setVisible(False)
        self.toggle.setText("More settings")
        self.toggle.setCheckable(True)
        self.toggle.setProperty("role", "disclosure")
        self.toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toggle.setArrowType(Qt.ArrowType.RightArrow)

    def _connect(self) -> None:
        self.toggle.toggled.connect(self._show_more)
        self.form.changed.connect(self._timer.start)
        self.augment_form.changed.connect(self._timer.start)
        self.others_button.clicked.connect(self._show_others)

    def _show_more(self, shown: bool) -> None:
        self.setVisible(shown)
        self.toggle.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _show_others(self) -> None:
        self._seed += 1
        self._draw()

    def _draw(self) -> None:
        """Draw the strip: the same images until others are asked for, so that amounts can be compared."""
        if self._data is None or not self.isVisible():
            return
        try:
            augmentation = Augmentation(**self.augment_form.values())
            drawings = float(self.form.fields["drawings"].value())
        except FieldError:
            return
        rng = np.random.default_rng(self._seed)
        self.preview.show_images(preview(self._data, augmentation, drawings, COUNT, rng))

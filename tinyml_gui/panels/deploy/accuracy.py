"""How int8 changes the answers: the loss of accuracy, the images that change their class, fine-tuning."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout

from tinyml_gui.control.quantization import QuantizationController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, label, section, set_role
from tinyml_gui.panels.deploy.flip_gallery import FlipGallery
from tinyml_gui.viewmodels.accuracy import Flips, summary

__all__ = ["AccuracyCard"]

_STEPS: Final = 1000
_TUNE_TIP: Final = "Continue training with the rounding of int8 simulated (quantization-aware training)"


class AccuracyCard(Card):
    """Two lines, and a gallery on demand."""

    def __init__(self, quantization: QuantizationController) -> None:
        super().__init__()
        self._quantization = quantization
        self._shown: Flips | None = None
        self.words = label(wrap=True)
        self.flips_button = button("Show images")
        self.tune_button = button("Fine-tune for int8")
        self.cancel_button = button("Cancel")
        self.progress = QProgressBar()
        self.gallery = FlipGallery()
        self._lay_out()
        self.flips_button.setCheckable(True)
        self.flips_button.toggled.connect(self._show_gallery)
        self.tune_button.clicked.connect(quantization.tune)
        self.cancel_button.clicked.connect(quantization.cancel)
        quantization.changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        self.tune_button.setToolTip(_TUNE_TIP)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, _STEPS)
        self.progress.setAccessibleName("Progress of int8")
        self.progress.setFixedWidth(30 * theme.GRID)
        words = QVBoxLayout()
        words.setSpacing(theme.GRID)
        words.addWidget(section("int8 and float"))
        words.addWidget(self.words)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addLayout(words, stretch=1)
        for widget in (self.progress, self.cancel_button, self.flips_button, self.tune_button):
            row.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self.gallery)
        self.gallery.hide()

    def _show(self) -> None:
        quantization = self._quantization
        said = summary(
            quantization.model,
            quantization.activity,
            quantization.flips,
            quantization.error,
            quantization.seconds_left,
        )
        set_role(self.words, said.role)
        self.words.setText(said.sentence)
        running = quantization.is_running
        done, total = quantization.progress.done, quantization.progress.total
        self.progress.setVisible(running)
        self.progress.setRange(0, _STEPS if total else 0)
        self.progress.setValue(round(_STEPS * done / max(1, total)))
        if not running and self.cancel_button.hasFocus():
            self.setFocus()  # else the focus would jump out of the page
        self.cancel_button.setVisible(running)
        if running and self.tune_button.hasFocus():
            self.cancel_button.setFocus()  # else a text field would take it, and what is typed next
        flips = quantization.flips
        self.flips_button.setVisible(not running and flips is not None and bool(flips.shown))
        self.tune_button.setVisible(not running and quantization.can_tune)
        if flips is None or not flips.shown:
            self.flips_button.setChecked(False)
        self._show_gallery(self.flips_button.isChecked())

    def _show_gallery(self, shown: bool) -> None:
        flips = self._quantization.flips
        if shown and flips is not None and flips is not self._shown:
            self._shown = flips
            self.gallery.show_flips(flips.shown)
        self.gallery.setVisible(shown)
        self.flips_button.setText("Hide images" if shown else "Show images")

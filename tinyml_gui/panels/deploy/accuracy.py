"""How int8 changes the answers: the loss of accuracy, the images that change their class, fine-tuning."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout

from tinyml_gui.control.quantization import QuantizationController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, label, section, set_role
from tinyml_gui.panels.deploy.flip_gallery import FlipGallery
from tinyml_gui.viewmodels.accuracy import Flips, Said, summary

__all__ = ["AccuracyCard"]

_STEPS: Final = 1000
_BACK_TIP: Final = "Take the network back that was there before fine-tuning"
_FAULTY: Final = "The network has a fault; see the Model page."
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
        self.back_button = button("Go back")
        self.cancel_button = button("Cancel")
        self.progress = QProgressBar()
        self.gallery = FlipGallery()
        self._lay_out()
        self.flips_button.setCheckable(True)
        self.flips_button.toggled.connect(self._show_gallery)
        self.tune_button.clicked.connect(quantization.tune)
        self.back_button.clicked.connect(quantization.go_back)
        self.cancel_button.clicked.connect(quantization.cancel)
        quantization.changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        self.tune_button.setToolTip(_TUNE_TIP)
        self.back_button.setToolTip(_BACK_TIP)
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
        buttons = (self.cancel_button, self.flips_button, self.back_button, self.tune_button)
        for widget in (self.progress, *buttons):
            row.addWidget(widget)
        self.body.addLayout(row)
        self.body.addWidget(self.gallery)
        self.gallery.hide()

    def _show(self) -> None:
        said = self._said()
        set_role(self.words, said.role)
        self.words.setText(said.sentence)
        self._show_progress()
        self._show_buttons()
        self._show_gallery(self.flips_button.isChecked())

    def _said(self) -> Said:
        quantization = self._quantization
        if quantization.has_fault:
            return Said(_FAULTY, "muted")
        said = summary(
            quantization.model,
            quantization.activity,
            quantization.flips,
            quantization.error,
            quantization.seconds_left,
        )
        if quantization.can_go_back and quantization.tuning is not None:
            return Said(f"{quantization.tuning.words}: it is worse now. {said.sentence}", "warning")
        return said

    def _show_progress(self) -> None:
        done, total = self._quantization.progress.done, self._quantization.progress.total
        self.progress.setVisible(self._quantization.is_running)
        self.progress.setRange(0, _STEPS if total else 0)
        self.progress.setValue(round(_STEPS * done / max(1, total)))

    def _show_buttons(self) -> None:
        """Show the buttons that apply now; the focus stays on one of them, or on the card, if it was there.

        Otherwise Qt would give it to the next field, and what is typed next with it.
        """
        quantization = self._quantization
        running, flips = quantization.is_running, quantization.flips
        has_flips = flips is not None and bool(flips.shown) and not quantization.has_fault
        shown = {
            self.cancel_button: running,
            self.back_button: quantization.can_go_back,
            self.tune_button: quantization.can_tune and not running,
            self.flips_button: has_flips and not running,
        }
        had_focus = any(made.hasFocus() for made in shown)
        for made in (made for made, needed in shown.items() if needed):
            made.show()
        if had_focus and not any(made.hasFocus() for made, needed in shown.items() if needed):
            next((made for made, needed in shown.items() if needed), self).setFocus()
        for made in (made for made, needed in shown.items() if not needed):
            made.hide()
        if not has_flips:
            self.flips_button.setChecked(False)

    def _show_gallery(self, shown: bool) -> None:
        flips = self._quantization.flips
        if shown and flips is not None and flips is not self._shown:
            self._shown = flips
            self.gallery.show_flips(flips.shown)
        self.gallery.setVisible(shown)
        self.flips_button.setText("Hide images" if shown else "Show images")

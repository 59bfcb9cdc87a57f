"""The progress of an import with a button that cancels it, and then the question whether to keep it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from tinyml_gui.control.data import DataController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, label, set_role
from tinyml_gui.viewmodels.data import import_words

__all__ = ["ImportBar"]

_STEPS = 1000


class ImportBar(Card):
    """Hidden unless something is being imported, was imported just now, or is at fault."""

    def __init__(self, control: DataController, parent: QWidget | None = None) -> None:
        super().__init__(parent, margin=theme.GAP + theme.GRID)
        self._control = control
        self.text = label(wrap=True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the import")
        self.cancel_button, self.keep_button = button("Cancel"), button("Keep")
        self.discard_button = button("Discard")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self.text, stretch=2)
        row.addWidget(self.progress, stretch=1)
        for made in (self.cancel_button, self.discard_button, self.keep_button):
            row.addWidget(made)
        self.body.addLayout(row)
        self.cancel_button.clicked.connect(control.cancel_import)
        self.keep_button.clicked.connect(control.keep)
        self.discard_button.clicked.connect(control.discard)
        control.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        control, progress = self._control, self._control.progress
        busy, asks = bool(control.importing), bool(control.unconfirmed)
        self.progress.setVisible(busy)
        self.progress.setRange(0, _STEPS if progress.total else 0)
        self.progress.setValue(round(_STEPS * progress.done / max(progress.total, 1)))
        self.cancel_button.setVisible(busy)
        self.keep_button.setVisible(asks)
        self.discard_button.setVisible(asks)
        set_role(self.text, "error" if control.error else "body")
        self.text.setText(
            control.error or import_words(control.importing, control.unconfirmed, control.notes)
        )
        self.setVisible(busy or asks or bool(control.error))

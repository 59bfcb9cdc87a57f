"""The progress of a download, with a button that cancels it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from tinyml_gui.control.downloads import DownloadController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, label, set_role

__all__ = ["DownloadBar"]

_STEPS = 1000


class DownloadBar(Card):
    """Hidden unless something is being fetched or could not be."""

    def __init__(self, control: DownloadController, parent: QWidget | None = None) -> None:
        super().__init__(parent, margin=theme.GAP + theme.GRID)
        self._control = control
        self.text = label(wrap=True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the download")
        self.button = button("Cancel")
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self.text, stretch=2)
        row.addWidget(self.progress, stretch=1)
        row.addWidget(self.button)
        self.body.addLayout(row)
        self.button.clicked.connect(self._end)
        control.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        control, progress = self._control, self._control.progress
        busy = bool(control.name)
        self.setVisible(busy or bool(control.error))
        self.progress.setVisible(busy)
        self.progress.setRange(0, _STEPS if progress.total else 0)
        self.progress.setValue(round(_STEPS * progress.done / max(progress.total, 1)))
        self.button.setText("Cancel" if busy else "Close")
        set_role(self.text, "body" if busy else "error")
        self.text.setText(_words(control.name, progress.done, progress.total) if busy else control.error)

    def _end(self) -> None:
        if self._control.name:
            self._control.cancel()
        else:
            self._control.forget_error()


def _words(name: str, done: int, total: int) -> str:
    far = f" {done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else ""
    return f"Downloading {name}…{far}"

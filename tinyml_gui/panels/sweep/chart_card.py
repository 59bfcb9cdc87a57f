"""A card that holds a chart, its title, a choice that belongs to it, and the button that saves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, IconButton, section
from tinyml_gui.panels.views.chart import Chart

__all__ = ["ChartCard"]

_KINDS: Final[Mapping[str, str]] = {
    ".png": "Picture (*.png)",
    ".svg": "Drawing (*.svg)",
    ".csv": "Numbers (*.csv)",
}


class ChartCard(Card):
    """The chart below its title.

    Parameters
    ----------
    title : str
    chart : Chart
    numbers : callable
        ``numbers()`` returns the numbers of all charts as CSV.
    choice : QWidget, optional
        Stands beside the title.

    Signals
    -------
    saved(Path, bytes)
        The user wants a file with this content.
    """

    saved = Signal(Path, bytes)

    def __init__(
        self, title: str, chart: Chart, numbers: Callable[[], bytes], choice: QWidget | None = None
    ) -> None:
        super().__init__(margin=theme.GAP + theme.GRID)
        self.chart, self._title, self._numbers = chart, title, numbers
        self.save_button = IconButton("save", f"Save “{title}” as PNG, SVG or CSV")
        self.save_button.clicked.connect(self._save)
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(section(title))
        row.addStretch()
        if choice is not None:
            row.addWidget(choice)
        row.addWidget(self.save_button)
        self.body.addLayout(row)
        self.body.addWidget(chart, stretch=1)
        self.update_button()

    def update_button(self) -> None:
        """Let the chart be saved once there is something in it."""
        self.save_button.setEnabled(not self.chart.is_empty)

    def _save(self) -> None:
        proposed = f"{self._title.lower().replace(' ', '-')}.png"
        name, kind = QFileDialog.getSaveFileName(
            self, f"Save “{self._title}”", proposed, ";;".join(_KINDS.values())
        )
        if name:
            self.saved.emit(*self._file(Path(name), kind))

    def _file(self, path: Path, kind: str) -> tuple[Path, bytes]:
        """Return where the chart goes, with a suffix, and what the suffix says it should be."""
        if path.suffix.lower() not in _KINDS:
            suffix = next((suffix for suffix, words in _KINDS.items() if words == kind), ".png")
            path = path.with_name(path.name + suffix)
        made = {".png": self.chart.png, ".svg": self.chart.svg, ".csv": self._numbers}
        return path, made[path.suffix.lower()]()

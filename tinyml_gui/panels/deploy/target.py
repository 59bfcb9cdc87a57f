"""What the model is to run on, and whether it fits there: the Deploy page's first card."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tinyml_gui.control.deployment import DeploymentController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, Elided, label, name_of, set_role
from tinyml_gui.panels.board_picker import BoardPicker, FormatPicker
from tinyml_gui.panels.meters import MeterRows
from tinyml_gui.viewmodels.fit import meters, proved, verdict

__all__ = ["TargetCard"]

_BETWEEN: Final = theme.GAP + theme.GRID


class TargetCard(Card):
    """Board, format and fit."""

    def __init__(self, deployment: DeploymentController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._deployment = deployment
        self.board_picker, self.format_picker = BoardPicker(deployment), FormatPicker(deployment)
        self._board_note, self._format_note = Elided("caption"), Elided("caption")
        self.rows = MeterRows()
        self.verdict = label(wrap=True)
        self._lay_out()
        deployment.target_changed.connect(self._show_target)
        deployment.fit_changed.connect(self._show_fit)
        self._show_target()
        self._show_fit()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addLayout(_labelled("Board", self.board_picker, self._board_note), stretch=1)
        row.addLayout(_labelled("Format", self.format_picker, self._format_note), stretch=1)
        self.body.setSpacing(_BETWEEN)
        self.body.addLayout(row)
        self.body.addWidget(self.rows)
        self.body.addWidget(self.verdict)

    def _show_target(self) -> None:
        self._board_note.show_text(self.board_picker.choice.doc)
        self._format_note.show_text(self.format_picker.choice.doc)

    def _show_fit(self) -> None:
        fit, certificate = self._deployment.fit, self._deployment.proved
        if fit is not None and certificate is not None:
            fit = proved(fit, certificate)
        self.rows.show_meters(meters(fit))
        shown = verdict(fit)
        set_role(self.verdict, shown.role)
        self.verdict.setText(shown.sentence)


def _labelled(words: str, field: QWidget, note: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(theme.GRID)
    for widget in (name_of(field, words), field, note):
        column.addWidget(widget)
    return column

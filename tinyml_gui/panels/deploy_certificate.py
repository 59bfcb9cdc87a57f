"""Proof that the exported code does what the application does: progress, verdict, figures."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar

from tinyml_gui import theme
from tinyml_gui.widgets import Card, button, muted, section, set_role
from tinyml_gui.worker import Outcome

__all__ = ["CertificateCard"]

_STEPS: Final = 1000


class CertificateCard(Card):
    """Hidden until something is verified.

    Signals
    -------
    cancelled()
        The user wants the verification to end.
    """

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.verdict = muted(wrap=True)
        self.progress = QProgressBar()
        self.cancel_button = button("Cancel")
        self._lay_out()
        self.cancel_button.clicked.connect(self.cancelled)
        self.hide()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(section("Verification"))
        row.addWidget(self.progress, stretch=1)
        row.addWidget(self.cancel_button)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Progress of the verification")
        self.body.addLayout(row)
        self.body.addWidget(self.verdict)

    def begin(self) -> None:
        """Show that something is being verified."""
        self._show_busy(True)
        self.progress.setRange(0, 0)
        self._show_verdict("Compiling and comparing…", "muted")
        self.show()

    def end(self, outcome: Outcome) -> None:
        """Show how it ended."""
        self._show_busy(False)
        if outcome.error is not None:
            self._show_verdict(str(outcome.error), "error")
        elif outcome.result is None:
            self._show_verdict("Cancelled; nothing was compared.", "muted")
        else:
            self._show_verdict(outcome.result.summary(), "good" if outcome.result.passed else "error")

    def _show_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.cancel_button.setVisible(busy)

    def _show_verdict(self, sentence: str, role: str) -> None:
        set_role(self.verdict, role)
        self.verdict.setText(sentence)

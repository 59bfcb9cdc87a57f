"""Proof that the exported code does what the application does: progress, verdict, figures."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from engine.boards.boards import Board
from engine.verify.certificate import Certificate
from tinyml_gui.background.deploy_jobs import Step
from tinyml_gui.background.worker import JobOutcome
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import Card, button, caption, disclosure, label, muted, section, set_role
from tinyml_gui.panels.meters import ShareBar
from tinyml_gui.viewmodels.certificate import CertificateView, certificate_view, share_words
from tinyml_gui.viewmodels.fit import Meter

__all__ = ["CertificateCard"]

_OUTDATED: Final = "The model or its options have changed since; verify again."
_STEPS: Final = 1000
_COLUMNS: Final = ("", "Inputs", "Differ", "Flash", "RAM")
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class CertificateCard(Card):
    """Hidden until something is verified.

    Signals
    -------
    cancelled()
        The user wants the verification to end.
    save_asked()
        The user wants the certificate in a file.
    """

    cancelled = Signal()
    save_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.certificate: Certificate | None = None
        self._board: Board | None = None
        self.verdict = muted(wrap=True)
        self.outdated = label(_OUTDATED, "warning", wrap=True)
        self.progress = QProgressBar()
        self.cancel_button, self.save_button = button("Cancel"), button("Save as JSON…")
        self.details_button = disclosure("Certificate")
        self._figures, self._details = QVBoxLayout(), QWidget()
        self._lay_out()
        self.cancel_button.clicked.connect(self.cancelled)
        self.save_button.clicked.connect(self.save_asked)
        self.details_button.toggled.connect(self._details.setVisible)
        self.hide()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(theme.GAP)
        row.addWidget(section("Verification"))
        row.addSpacing(theme.GAP)
        row.addWidget(self.progress, stretch=1)
        row.addStretch()
        for widget in (self.details_button, self.save_button, self.cancel_button):
            row.addWidget(widget)
        self.progress.setTextVisible(False)
        self.progress.setRange(0, _STEPS)
        self.progress.setAccessibleName("Progress of the verification")
        self.body.addLayout(row)
        self.body.addWidget(self.outdated)
        self.outdated.hide()
        self.body.addWidget(self.verdict)
        self.body.addLayout(self._figures)
        self.body.addWidget(self._details)
        self._details.hide()

    def begin(self, board: Board) -> None:
        """Show that something is being verified for `board`."""
        self._board = board
        self._show_busy(True)
        self.progress.setValue(0)
        self._show_verdict("Preparing…", "muted")
        self._show_view(None)
        self.show()

    def progressed(self, items: list[Any]) -> None:
        """Show the progress."""
        steps = [item for item in items if isinstance(item, Step)]
        if steps:
            self._show_verdict(f"{steps[-1].what}…", "muted")
            self.progress.setValue(round(_STEPS * steps[-1].share))

    def end(self, outcome: JobOutcome) -> None:
        """Show the result, or why there is none."""
        self._show_busy(False)
        if outcome.error is not None:
            self._show_verdict(str(outcome.error), "error")
        elif isinstance(outcome.result, Certificate) and self._board is not None:
            self.certificate = outcome.result
            self._show_view(certificate_view(outcome.result, self._board))
        else:
            self._show_verdict("Cancelled; nothing was compared.", "muted")

    def show_outdated(self, outdated: bool) -> None:
        """Choose whether to say that model or options have changed since the verification."""
        self.outdated.setVisible(outdated and self.certificate is not None)

    def _show_busy(self, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.cancel_button.setVisible(busy)

    def _show_verdict(self, sentence: str, role: str) -> None:
        set_role(self.verdict, role)
        self.verdict.setText(sentence)

    def _show_view(self, view: CertificateView | None) -> None:
        _empty(self._figures)
        self.save_button.setVisible(view is not None)
        self.details_button.setVisible(view is not None)
        self.details_button.setChecked(False)
        if view is None:
            self.certificate = None
            return
        self._show_verdict(view.sentence, view.role)
        for note in view.notes:
            self._figures.addWidget(label(note, "warning", wrap=True))
        if view.targets:
            self._figures.addWidget(_table(view))
        self._replace_details(_details(view))

    def _replace_details(self, made: QWidget) -> None:
        self.body.replaceWidget(self._details, made)
        self.details_button.toggled.disconnect(self._details.setVisible)
        self._details.deleteLater()
        self._details = made
        self.details_button.toggled.connect(made.setVisible)
        made.hide()


def _empty(column: QVBoxLayout) -> None:
    while (item := column.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.deleteLater()


def _grid() -> tuple[QWidget, QGridLayout]:
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme.GAP_WIDE)
    grid.setVerticalSpacing(theme.GRID)
    return holder, grid


def _table(view: CertificateView) -> QWidget:
    holder, grid = _grid()
    grid.setColumnStretch(0, 1)
    for column, name in enumerate((*_COLUMNS, view.unit)):
        grid.addWidget(caption(name), 0, column, _RIGHT)
    for number, row in enumerate(view.targets, start=1):
        title = label(row.title)
        title.setToolTip(row.tip)
        grid.addWidget(title, number, 0)
        figures = (row.inputs, row.differ, row.flash, row.ram, row.count)
        for column, figure in enumerate(figures, start=1):
            made = label(figure, "body" if row.passed else "error")
            made.setFont(theme.number_font())
            grid.addWidget(made, number, column, _RIGHT)
    return holder


def _details(view: CertificateView) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, theme.GAP, 0, 0)
    column.setSpacing(theme.GAP_WIDE)
    if view.layers:
        column.addWidget(_layers(view))
    column.addWidget(_facts(view))
    return holder


def _layers(view: CertificateView) -> QWidget:
    holder, grid = _grid()
    grid.setColumnStretch(1, 1)
    grid.addWidget(caption(f"{view.unit} an image, layer by layer"), 0, 0, 1, 4)
    for number, layer in enumerate(view.layers, start=1):
        bar = ShareBar()
        bar.show_meter(Meter(layer.title, layer.count, share=layer.share))
        count, share = label(layer.count), label(share_words(layer.share), "muted")
        grid.addWidget(label(layer.title), number, 0)
        grid.addWidget(bar, number, 1)
        for column, figure in enumerate((count, share), start=2):
            figure.setFont(theme.number_font())
            grid.addWidget(figure, number, column, _RIGHT)
    return holder


def _facts(view: CertificateView) -> QWidget:
    holder, grid = _grid()
    grid.setColumnStretch(1, 1)
    top = Qt.AlignmentFlag.AlignTop
    for number, fact in enumerate(view.facts):
        grid.addWidget(caption(fact.name), number, 0, top)
        value = label(fact.value, wrap=True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(value, number, 1)
        grid.addWidget(caption(fact.how), number, 2, top)
    return holder

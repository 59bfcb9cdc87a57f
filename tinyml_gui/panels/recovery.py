"""Unsaved work of programs that have ended: a banner for one of them, and a list for several."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QDateTime, QLocale, Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from tinyml_gui.control.recovery import RecoveryController
from tinyml_gui.look import theme
from tinyml_gui.look.widgets import button, label, muted, section
from tinyml_gui.panels.banner import Banner
from tinyml_gui.viewmodels.recovery import Offer

__all__ = ["RecoveryBanner", "RecoveryList"]

_ENDED: Final = "The program ended before this was saved"
_KEPT: Final = "What you do not decide about now is offered again; after thirty days it is removed."

_WIDTH: Final = 160 * theme.GRID
_TALLEST: Final = 80 * theme.GRID


def _date(offer: Offer) -> str:
    moment = QDateTime.fromSecsSinceEpoch(round(offer.left.saved_at))
    return QLocale().toString(moment, QLocale.FormatType.ShortFormat)


class RecoveryBanner(Banner):
    """Shown while there are offers.

    Signals
    -------
    restore_asked(object), discard_asked(object)
        The user has decided about an `Offer`.
    """

    restore_asked = Signal(object)
    discard_asked = Signal(object)

    def __init__(self, recovery: RecoveryController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recovery = recovery
        self.list: RecoveryList | None = None
        self.clicked.connect(self._restore_or_list)
        self.declined.connect(self._discard)
        recovery.changed.connect(self._show_offers)

    def _show_offers(self) -> None:
        offers = self._recovery.offers
        if not offers:
            self.hide()
        elif len(offers) == 1:
            self.show_note(f"{_ENDED}: {offers[0].what} ({_date(offers[0])})", "Restore", "Discard")
        else:
            self.show_note(f"{len(offers)} programs ended before their work was saved", "Show list…")
        if self.list is not None:
            self.list.show_offers(offers)

    def _restore_or_list(self) -> None:
        offers = self._recovery.offers
        if len(offers) == 1:
            self.restore_asked.emit(offers[0])
        elif offers:
            self.list = RecoveryList(self)
            self.list.restore_asked.connect(self.restore_asked)
            self.list.discard_asked.connect(self.discard_asked)
            self.list.show_offers(offers)
            self.list.open()

    def _discard(self) -> None:
        if len(self._recovery.offers) == 1:
            self.discard_asked.emit(self._recovery.offers[0])


class RecoveryList(QDialog):
    """A row for each offer: when, what, and two buttons; closes when a decision leaves nothing to choose.

    Signals
    -------
    restore_asked(object), discard_asked(object)
        The user has decided about an `Offer`.
    """

    restore_asked = Signal(object)
    discard_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Unsaved work")
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidgetResizable(True)
        self._later = button("Decide later")
        self._later.setDefault(True)
        self._later.clicked.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[theme.PAGE_MARGIN] * 4)
        column.setSpacing(theme.GAP_WIDE)
        column.addWidget(section("These programs ended before their work was saved"))
        column.addWidget(self._area, stretch=1)
        column.addWidget(muted(_KEPT, wrap=True))
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._later)
        column.addLayout(row)

    def show_offers(self, offers: tuple[Offer, ...]) -> None:
        """Show these rows; close where there are none."""
        rows = QWidget()
        rows.setObjectName("scrolled")
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.GAP_WIDE)
        grid.setVerticalSpacing(theme.GAP)
        grid.setColumnStretch(1, 1)
        for number, offer in enumerate(offers):
            when, what = label(_date(offer), "figure"), label(offer.what, wrap=True)
            grid.addWidget(when, number, 0, Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(what, number, 1)
            grid.addWidget(_choice("Restore", offer, self._restore), number, 2)
            grid.addWidget(_choice("Discard", offer, self.discard_asked.emit), number, 3)
        grid.setRowStretch(len(offers), 1)
        self._area.setWidget(rows)
        self._area.setMinimumSize(_WIDTH, min(rows.sizeHint().height(), _TALLEST))
        if not offers:
            self.accept()

    def _restore(self, offer: Offer) -> None:
        self.accept()  # the window shows it now
        self.restore_asked.emit(offer)


def _choice(words: str, offer: Offer, decided: Callable[[Offer], None]) -> QWidget:
    made = button(words)
    made.setAutoDefault(False)  # Return decides about none of them
    made.setAccessibleName(f"{words} {offer.what}, {_date(offer)}")
    made.clicked.connect(functools.partial(_decide, decided, offer))
    return made


def _decide(decided: Callable[[Offer], None], offer: Offer, checked: bool = False) -> None:
    decided(offer)

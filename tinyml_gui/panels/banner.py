"""One sentence across a page: a note, a warning or an error; with a button that helps, one that declines."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from tinyml_gui.look import theme
from tinyml_gui.look.widgets import button, label, set_role, set_state

__all__ = ["Banner"]


class Banner(QFrame):
    """Hidden until there is something to say.

    Signals
    -------
    clicked()
        The button that helps was clicked.
    declined()
        The button that declines was clicked.
    """

    clicked = Signal()
    declined = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._text = label(wrap=True)
        self.button, self.decline_button = button(""), button("")
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP_WIDE, theme.GAP, theme.GAP_WIDE, theme.GAP)
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self._text, stretch=1)
        for made in (self.button, self.decline_button):
            row.addWidget(made)
        self.button.clicked.connect(self.clicked)
        self.decline_button.clicked.connect(self.declined)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence shown."""
        return self._text.text()

    def show_note(self, sentence: str, offer: str = "", decline: str = "") -> None:
        """Show `sentence`, with a button where there is an offer, and one where it can be declined."""
        self.decline_button.setText(decline)
        self.decline_button.setVisible(bool(decline))
        self._show(sentence, offer, "", "body")

    def show_warning(self, sentence: str) -> None:
        """Show a warning."""
        self.decline_button.hide()
        self._show(sentence, "", "warning", "warning")

    def show_error(self, sentence: str) -> None:
        """Show an error."""
        self.decline_button.hide()
        self._show(sentence, "", "error", "error")

    def _show(self, sentence: str, offer: str, state: str, role: str) -> None:
        set_state(self, state)
        set_role(self._text, role)
        self._text.setText(sentence)
        self.button.setText(offer)
        self.button.setVisible(bool(offer))
        self.show()

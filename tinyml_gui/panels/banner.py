"""One sentence across a page, as a note or as an error, with at most one button that helps."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from tinyml_gui import theme
from tinyml_gui.widgets import button, label, set_role, set_state

__all__ = ["Banner"]


class Banner(QFrame):
    """Hidden until there is something to say.

    Signals
    -------
    clicked()
        The button was.
    """

    clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._text = label(wrap=True)
        self.button = button("")
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.GAP_WIDE, theme.GAP, theme.GAP_WIDE, theme.GAP)
        row.setSpacing(theme.GAP_WIDE)
        row.addWidget(self._text, stretch=1)
        row.addWidget(self.button)
        self.button.clicked.connect(self.clicked)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence shown."""
        return self._text.text()

    def show_note(self, sentence: str, offer: str = "") -> None:
        """Show `sentence`, with a button where there is an offer."""
        self._show(sentence, offer, "", "body")

    def show_error(self, sentence: str) -> None:
        """Show an error."""
        self._show(sentence, "", "error", "error")

    def _show(self, sentence: str, offer: str, state: str, role: str) -> None:
        set_state(self, state)
        set_role(self._text, role)
        self._text.setText(sentence)
        self.button.setText(offer)
        self.button.setVisible(bool(offer))
        self.show()

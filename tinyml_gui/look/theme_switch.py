"""The switch between light and dark: it gives the application a palette and the stylesheet.

The palette alone decides which theme is on: `tinyml_gui.look.theme.tokens` reads it there.
"""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication

from engine.temporary import work_folder
from tinyml_gui.look.icon_theme import use_icon_theme
from tinyml_gui.look.stylesheet import stylesheet
from tinyml_gui.look.theme import BODY, DARK, LIGHT, Tokens, tokens

__all__ = ["MODES", "Theme"]


MODES: Final = ("system", "light", "dark")
_USUAL_TEXT: Final = 15.0  # px: no desktop has larger text unless its user asks for it
_LARGEST: Final = 2.0


def make_palette(t: Tokens) -> QPalette:
    """Return the Fusion palette of theme `t`."""
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    colours = {
        role.Window: t.window,
        role.WindowText: t.text,
        role.Base: t.surface,
        role.AlternateBase: t.window,
        role.Text: t.text,
        role.PlaceholderText: t.muted,
        role.Button: t.surface,
        role.ButtonText: t.text,
        role.BrightText: t.bad,
        role.ToolTipBase: t.text,
        role.ToolTipText: t.window,
        role.Highlight: t.accent,
        role.HighlightedText: t.on_accent,
        role.Accent: t.accent,
        role.Link: t.accent,
        role.LinkVisited: t.accent,
        role.Light: t.surface,
        role.Midlight: t.hover,
        role.Mid: t.border,
        role.Dark: t.outline,
        role.Shadow: t.outline,
    }
    palette = QPalette()
    for key, colour in colours.items():
        palette.setColor(key, QColor(colour))
    for key in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText):
        palette.setColor(group.Disabled, key, QColor(t.disabled))
    palette.setColor(group.Disabled, role.Highlight, QColor(t.sunken))
    return palette


def _system_scale() -> float:
    """Return how much larger than usual the text of the user's desktop is."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    return min(max(1.0, QFontInfo(font).pixelSize() / _USUAL_TEXT), _LARGEST)


class Theme(QObject):
    """Applies light or dark to the whole application, following the system unless told otherwise.

    Parameters
    ----------
    app : QApplication
    mode : str
        One of `MODES`; anything else means the system's.
    text_scale : float, optional
        How large text is, 1 to 2; as the system's font asks when left out.

    Signals
    -------
    mode_changed(str)
        One of `MODES` was chosen.
    """

    mode_changed = Signal(str)

    def __init__(self, app: QApplication, mode: str = "system", text_scale: float | None = None) -> None:
        super().__init__(app)
        self._app = app
        self._mode = mode if mode in MODES else "system"
        kept = ExitStack()
        self._folder = kept.enter_context(work_folder())  # for icons that a stylesheet can only name by path
        weakref.finalize(self, kept.close)
        app.setStyle("Fusion")
        font = QFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont))
        font.setPixelSize(round(BODY * (_system_scale() if text_scale is None else text_scale)))
        app.setFont(font)
        app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def mode(self) -> str:
        """What the user chose: system, light or dark."""
        return self._mode

    def set_mode(self, mode: str) -> None:
        """Switch at once to `mode`, one of `MODES`."""
        if mode != self._mode:
            self._mode = mode
            self._apply()
            self.mode_changed.emit(mode)

    def toggle(self) -> None:
        """Switch to the theme that is not on."""
        self.set_mode("light" if tokens() is DARK else "dark")

    def _wanted(self) -> Tokens:
        if self._mode == "system":
            return DARK if self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark else LIGHT
        return DARK if self._mode == "dark" else LIGHT

    def _system_changed(self) -> None:
        if self._mode == "system":
            self._apply()

    def _apply(self) -> None:
        wanted = self._wanted()
        self._app.setPalette(make_palette(wanted))
        use_icon_theme(wanted, str(self._folder))
        self._app.setStyleSheet(stylesheet(wanted, str(self._folder)))

"""Every measure, type size and colour of the application; the colours themselves are in `resources.look`.

The application's palette alone decides which theme is on. `tokens` reads it, so a widget needs no reference
to anything; it repaints when `is_theme_change` says that an event requires it. In the same way the
application's font alone decides how large text is: the measures below are those of its usual size, `scaled`
and `around_text` give them for the size that is on.
"""

from __future__ import annotations

import functools
from typing import Final

from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette

from resources.look import DARK, LIGHT, Tokens

__all__ = [
    "DARK",
    "LIGHT",
    "SEEN",
    "Tokens",
    "around_text",
    "contrast",
    "is_theme_change",
    "number_font",
    "plot_colours",
    "scaled",
    "text_font",
    "text_scale",
    "tokens",
]

GRID: Final = 4  #: px; every measure below is a multiple
GAP: Final = 2 * GRID  #: between things that belong together
GAP_WIDE: Final = 4 * GRID  #: between groups
PAGE_MARGIN: Final = 6 * GRID
CONTROL_HEIGHT: Final = 8 * GRID
TITLE_BAR_HEIGHT: Final = 12 * GRID
FOOTER_HEIGHT: Final = 12 * GRID
NAVIGATION_WIDTH: Final = 33 * GRID
NAVIGATION_COMPACT: Final = 14 * GRID
NARROW: Final = 1100  #: px; a window below this saves width where it can
SCROLL_BAR: Final = 10  #: px at the right of what scrolls
RADIUS: Final = 8
RADIUS_SMALL: Final = 6

BODY: Final = 13  #: px
CAPTION: Final = 11
SECTION: Final = 15
TITLE: Final = 20
KEY_FIGURE: Final = 28
TOP_CLASS: Final = 56
_LINE: Final = 16  # the height of a line of text

#: The least contrast of what has to be seen but not read, WCAG 2.1, criterion 1.4.11
SEEN: Final = 3.0


def tokens() -> Tokens:
    """Return the colours of the theme that is on."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return LIGHT if window.lightnessF() > 0.5 else DARK


def is_theme_change(event: QEvent) -> bool:
    """Tell whether a widget that paints with `tokens` must do so anew."""
    return event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ApplicationPaletteChange)


def plot_colours() -> dict[str, str]:
    """Return the colours of a plot: its background, words, axes and curves.

    ``spread`` is the paler training colour of what lies around the training curve.
    """
    t = tokens()
    train, validation = t.series[:2]
    return {
        "background": t.surface,
        "words": t.muted,
        "axis": t.outline,
        "training": train,
        "validation": validation,
        "spread": _faded(train, t.surface),
    }


@functools.cache
def _faded(colour: str, surface: str) -> str:
    """Return the palest mix of `colour` with `surface` that can still be seen on it."""
    front, back = QColor(colour), QColor(surface)
    for share in range(100):
        parts = zip(_parts(front), _parts(back), strict=True)
        mixed = QColor.fromRgbF(*((share * f + (100 - share) * b) / 100 for f, b in parts)).name()
        if contrast(mixed, surface) >= SEEN:
            return mixed
    return colour


def contrast(first: str, second: str) -> float:
    """Return the WCAG 2.1 contrast ratio of two colours, 1 to 21."""
    bright, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in _parts(QColor(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def text_scale() -> float:
    """Return how large text is: 1 unless the user's desktop asks for larger text."""
    return max(1.0, QGuiApplication.font().pixelSize() / BODY)


def scaled(pixels: int) -> int:
    """Return the size of a text, or a measure that grows with it, for the size of text that is on."""
    return round(pixels * text_scale())


def around_text(height: int, lines: int = 1) -> int:
    """Return the height of something that holds `lines` of text, for the size of text that is on."""
    return height + lines * (scaled(_LINE) - _LINE)


def text_font(pixels: int = BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the system's UI font at a size of the type scale."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    font.setPixelSize(scaled(pixels))
    font.setWeight(weight)
    return font


def number_font(pixels: int = BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the UI font with figures of one width, so that numbers line up and do not jump."""
    font = text_font(pixels, weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font

"""What the window has in common with the pages that are exported: the colours of both themes, and the pen.

The engine may not import the window, and both shall look and draw alike, so this is below both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["DARK", "LIGHT", "PEN", "Pen", "Tokens"]


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme, as ``#rrggbb``."""

    name: str
    window: str  # behind everything
    surface: str  # cards, fields, header
    sunken: str  # tracks of bars, wells, disabled fields
    hover: str
    border: str  # cards
    outline: str  # controls; 3:1 against the surface
    text: str
    muted: str  # captions; still 4.5:1
    disabled: str
    accent: str
    accent_hover: str
    accent_soft: str  # behind the selected page
    on_accent: str
    good: str
    warning: str
    bad: str
    bad_soft: str
    ink: str  # strokes on the canvas
    paper: str  # the canvas
    #: Okabe–Ito, told apart by colour-blind readers: training, validation, then the rest. Those hues that
    #: would vanish on the background are darker or lighter.
    series: tuple[str, ...]


LIGHT: Final = Tokens(
    name="light",
    window="#F5F6F8",
    surface="#FFFFFF",
    sunken="#E9ECF0",
    hover="#EEF1F5",
    border="#DFE3E8",
    outline="#8A93A0",
    text="#1A1E24",
    muted="#59626E",
    disabled="#9BA3AD",
    accent="#1D5FD1",
    accent_hover="#174FB0",
    accent_soft="#E3ECFC",
    on_accent="#FFFFFF",
    good="#14753C",
    warning="#8F5A00",
    bad="#BF2626",
    bad_soft="#FCEBEB",
    ink="#1A1E24",
    paper="#FFFFFF",
    series=("#0072B2", "#D55E00", "#009E73", "#C0679A", "#A87400", "#2F8FC7", "#8A7F00"),
)

DARK: Final = Tokens(
    name="dark",
    window="#15171B",
    surface="#1D2025",
    sunken="#2B2F36",
    hover="#282C33",
    border="#30353D",
    outline="#737C89",
    text="#E6E9EE",
    muted="#9DA6B3",
    disabled="#656D79",
    accent="#74A9FF",
    accent_hover="#93BCFF",
    accent_soft="#223250",
    on_accent="#0C1526",
    good="#5CC98A",
    warning="#E3B04B",
    bad="#FF8080",
    bad_soft="#3A2226",
    ink="#F2F4F7",
    paper="#1D2025",
    series=("#56B4E9", "#F07B3A", "#2BC49A", "#DE97BF", "#E69F00", "#3D9BDC", "#F0E442"),
)


@dataclass(frozen=True)
class Pen:
    """How the pen draws, in model pixels, of which a drawing has `side` × `side`."""

    side: int = 280  # ten for each pixel of the network's input
    brush: float = 24.0  # about MNIST's pen when a digit fills the canvas
    pressure: tuple[float, float] = (0.4, 1.2)  # a pen's width = brush · (first + second · pressure)
    eraser: float = 1.6  # erasing needs a wider tip than drawing


PEN: Final = Pen()

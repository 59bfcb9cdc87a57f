"""Characters on paper: a sheet to print and write on, and its photograph, found, straightened and cut.

The sheet says itself what is on it: four marks in its corners place it, and a QR code between the upper two
names its classes and paper. So a photograph needs no further words. Printing and reading share one `Sheet`,
which knows where everything is, in millimetres.
"""

from __future__ import annotations

from engine.data.paper.boxes import Character, characters
from engine.data.paper.photograph import Page, straighten
from engine.data.paper.printing import write_pdf
from engine.data.paper.sheet import PAPERS, Sheet

__all__ = ["PAPERS", "Character", "Page", "Sheet", "characters", "straighten", "write_pdf"]

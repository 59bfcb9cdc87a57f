"""Sheets as PDF files: one picture of 300 dots an inch, so that every printer gives the same."""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.data.paper.marks import bits_of
from engine.data.paper.sheet import BOX_SIDE, CODE_SIDE, MARK_SIDE, Sheet
from engine.extras import require
from engine.files import write_bytes

__all__ = ["DOTS", "draw_sheet", "write_pdf"]

DOTS = 300 / 25.4
"""Dots a millimetre."""

_INCH = 25.4
_WORDS = (
    "Write the small character above a box into the box.",
    "Then photograph the whole page with its four corner marks.",
)
_FRAME, _LABEL = 190, 120  # grey, so that neither is taken for ink


def write_pdf(sheet: Sheet, path: str | os.PathLike[str]) -> None:
    """Write a sheet, ready to be printed at its full size; raise `FileError` if that cannot be done."""
    stream = io.BytesIO()
    draw_sheet(sheet).save(stream, "PDF", resolution=DOTS * _INCH, quality=90, title="A sheet to write on")
    write_bytes(path, stream.getvalue())


def draw_sheet(sheet: Sheet, dots: float = DOTS) -> Image.Image:
    """Return the sheet as a grey picture with so many dots a millimetre."""
    width, height = (round(length * dots) for length in sheet.size)
    page = Image.new("L", (width, height), 255)
    for number, place in enumerate(sheet.marks):
        _paste(page, bits_of(number), place, MARK_SIDE, dots)
    _paste(page, _code(sheet.text), sheet.code, CODE_SIDE, dots)
    draw = ImageDraw.Draw(page)
    for (left, _), words in zip(sheet.marks, _WORDS, strict=False):
        draw.multiline_text(
            ((left if left < sheet.code[0] else sheet.code[0] + CODE_SIDE + 4) * dots, 27 * dots),
            words.replace(" into ", "\ninto ").replace(" with ", "\nwith "),
            110,
            ImageFont.load_default(3 * dots),
        )
    font = ImageFont.load_default(3.4 * dots)
    for box in sheet.boxes:
        left, top = box.left * dots, box.top * dots
        draw.rectangle(
            (left, top, left + BOX_SIDE * dots, top + BOX_SIDE * dots),
            outline=_FRAME,
            width=round(0.25 * dots),
        )
        draw.text((left + BOX_SIDE * dots / 2, top - 0.7 * dots), box.label, _LABEL, font, anchor="mb")
    return page


def _code(text: str) -> np.ndarray:
    """Return the modules of a QR code, black 0, with the white edge that it needs."""
    segno = require("segno", "paper", "Sheets to write on")
    matrix = np.array(list(segno.make(text, error="m", micro=False).matrix), np.uint8)
    return np.pad(1 - matrix, 2, constant_values=1) * np.uint8(255)


def _paste(page: Image.Image, bits: np.ndarray, place: tuple[float, float], side: float, dots: float) -> None:
    length = round(side * dots)
    picture = Image.fromarray(bits).resize((length, length), Image.Resampling.NEAREST)
    page.paste(picture, (round(place[0] * dots), round(place[1] * dots)))

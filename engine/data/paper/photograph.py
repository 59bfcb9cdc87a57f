"""A photograph of a sheet becomes the sheet again: seen from above, evenly lit, its classes read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.paper.marks import find_marks
from engine.data.paper.sheet import CODE_SIDE, MARK_SIDE, PAPERS, Sheet
from engine.data.picture_files import read_grey
from engine.errors import DataError, FieldError
from engine.extras import require

__all__ = ["SCALE", "Page", "straighten"]

SCALE = 8
"""Pixels a millimetre of a straightened page."""

_MOST_SIDE = 3200  # pixels of a photograph that are looked at: ten a millimetre
_FEWEST_MARKS = 3
_BACKGROUND = 4.0  # mm: wider than a stroke, narrower than a shadow's edge
_CODE_SCALES = (16, 24, 10)
_PRINT = 0.35  # of the contrast, up to which a pixel is printed


@dataclass(frozen=True, eq=False)
class Page:
    """A sheet that was read.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width)
        `SCALE` pixels a millimetre; the paper is 255 everywhere.
    sheet : Sheet
    """

    image: NDArray[np.uint8]
    sheet: Sheet


def straighten(path: str | os.PathLike[str]) -> Page:
    """Find the sheet in a photograph or scan.

    Raises
    ------
    DataError
        When the file is no picture, or marks or code are not found.
    MissingToolError
        If the extra `paper` is not installed.
    """
    cv2 = require("cv2", "paper", "Photographs of sheets")
    grey = np.asarray(read_grey(path, _MOST_SIDE).convert("L"))
    marks = find_marks(grey)
    if len(marks) < _FEWEST_MARKS:
        raise DataError(
            Path(path),
            f"{len(marks)} of the sheet's four corner marks were found; photograph the whole page from "
            "above, sharp and large.",
        )
    sheet, to_picture = _identified(cv2, grey, marks, path)
    width, height = (round(length * SCALE) for length in sheet.size)
    return Page(_evenly_lit(cv2, _warped(cv2, grey, to_picture, (0, 0), (width, height), SCALE)), sheet)


def _identified(
    cv2: Any, grey: NDArray[np.uint8], marks: Mapping[int, NDArray[np.float32]], path: str | os.PathLike[str]
) -> tuple[Sheet, NDArray[np.float64]]:
    """Return the sheet that the code names, and the homography from its millimetres to the picture."""
    for paper in PAPERS:  # the code stands where the paper's width says
        blank = Sheet(("0", "1"), paper)
        to_picture = _homography(cv2, blank, marks)
        for scale in _CODE_SCALES:
            side = round((CODE_SIDE + 4) * scale)
            corner = (blank.code[0] - 2, blank.code[1] - 2)
            view = _warped(cv2, grey, to_picture, corner, (side, side), scale)
            for picture in (view, _black_and_white(view)):
                text, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
                if text:
                    return _named(cv2, text, marks, path)
    raise DataError(
        Path(path),
        "the square code at the top of the sheet cannot be read; photograph it sharp and without glare.",
    )


def _black_and_white(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a view of the code without the ruled lines of its paper, which are lighter than print."""
    dark, light = np.percentile(view, (5, 95))
    return np.where(view > dark + _PRINT * (light - dark), 255, 0).astype(np.uint8)


def _named(
    cv2: Any, text: str, marks: Mapping[int, NDArray[np.float32]], path: str | os.PathLike[str]
) -> tuple[Sheet, NDArray[np.float64]]:
    try:
        sheet = Sheet.from_text(text)
    except FieldError as error:
        raise DataError(Path(path), "its code is not that of a sheet of this program; print one.") from error
    return sheet, _homography(cv2, sheet, marks)


def _homography(cv2: Any, sheet: Sheet, marks: Mapping[int, NDArray[np.float32]]) -> NDArray[np.float64]:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * MARK_SIDE
    on_sheet = np.concatenate([corners + np.array(sheet.marks[number], np.float32) for number in marks])
    matrix, _ = cv2.findHomography(on_sheet, np.concatenate(list(marks.values())))
    found: NDArray[np.float64] = matrix
    return found


def _warped(
    cv2: Any,
    grey: NDArray[np.uint8],
    to_picture: NDArray[np.float64],
    corner: tuple[float, float],
    size: tuple[int, int],
    scale: float,
) -> NDArray[np.uint8]:
    """Return the part of the sheet at `corner` with `size` pixels, `scale` of them a millimetre."""
    to_sheet = np.array([[1 / scale, 0, corner[0]], [0, 1 / scale, corner[1]], [0, 0, 1]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view: NDArray[np.uint8] = cv2.warpPerspective(
        grey, to_picture @ to_sheet, size, flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return view


def _evenly_lit(cv2: Any, page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Divide by the brightness of the paper, which is what is left when strokes are closed."""
    side = round(_BACKGROUND * SCALE) | 1
    shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    paper = cv2.blur(cv2.morphologyEx(cv2.medianBlur(page, 5), cv2.MORPH_CLOSE, shape), (side, side))
    lit = page.astype(np.float32) * (255 / np.maximum(paper, 1).astype(np.float32))
    return np.asarray(np.minimum(lit, 255), np.uint8)

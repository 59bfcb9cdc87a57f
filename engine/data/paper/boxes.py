"""The characters in the boxes of a straightened page, as the networks see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.paper.photograph import SCALE, Page
from engine.data.paper.sheet import BOX_SIDE, Box
from engine.data.preprocess import preprocess
from engine.extras import require

__all__ = ["Character", "characters"]

_INSET = 0.6  # mm: the printed frame, and what straightening may be off
_LEAST_INK = 70  # of 255, from paper to the darkest stroke; less is an empty box
_SHARE = 0.35  # of the darkest stroke, from which on a pixel is ink
_RESIDUE = 1.2  # mm that something may reach in from the edge: a frame, or what a neighbour has written
_SPECK = 0.4  # mm²; smaller pieces are dust
_LINE = 0.8  # share of the box that a ruled line crosses
_LINE_HEIGHT = 1.0  # mm at most
_HAIR = 2  # pixels around ink that keep its soft edge


@dataclass(frozen=True, eq=False)
class Character:
    """What was written into a box.

    Attributes
    ----------
    box : Box
    image : ndarray of uint8, shape (28, 28)
    doubt : str
        Why a person should look at it, a few words; empty where nothing looks wrong.
    """

    box: Box
    image: NDArray[np.uint8]
    doubt: str


def characters(page: Page) -> Iterator[Character]:
    """Yield what was written; boxes that were left empty are left out."""
    cv2 = require("cv2", "paper", "Photographs of sheets")
    for box in page.sheet.boxes:
        ink, doubt = _ink(cv2, _inside(page.image, box))
        image = None if ink is None else preprocess(ink)
        if image is not None:
            yield Character(box, image, doubt)


def _inside(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    left, top = (round((place + _INSET) * SCALE) for place in (box.left, box.top))
    side = round((BOX_SIDE - 2 * _INSET) * SCALE)
    return image[top : top + side, left : left + side]


def _ink(cv2: Any, view: NDArray[np.uint8]) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the ink of a box, bright on black, and the doubt; no ink where it is empty."""
    dark = 255 - view
    darkest = int(np.percentile(dark, 99.8))
    if darkest < _LEAST_INK:
        return None, ""
    is_ink = (dark > _SHARE * darkest).astype(np.uint8)
    is_ink = _without_lines(cv2, is_ink)
    kept, touches = _pieces(cv2, is_ink)
    if not kept.any():
        return None, ""
    soft = cv2.dilate(kept, np.ones((2 * _HAIR + 1, 2 * _HAIR + 1), np.uint8))
    floor = darkest // 5  # the paper's grain
    stretched = (dark.astype(np.int32) - floor) * 255 // (darkest - floor)
    ink = np.where(soft, np.clip(stretched, 0, 255), 0).astype(np.uint8)
    return ink, "it touches the frame" if touches else ""


def _without_lines(cv2: Any, is_ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Remove ruled lines, thin and as long as the box is wide or high; strokes that cross them stay whole."""
    side, thick = is_ink.shape[0], round(_LINE_HEIGHT * SCALE)
    result = is_ink
    for length in ((round(_LINE * side), 1), (1, round(_LINE * side))):
        line = cv2.morphologyEx(is_ink, cv2.MORPH_OPEN, np.ones(length[::-1], np.uint8))
        across = np.ones((thick + 1, 1) if length[1] == 1 else (1, thick + 1), np.uint8)
        line &= 1 - cv2.morphologyEx(
            is_ink, cv2.MORPH_OPEN, across
        )  # where a stroke goes through, it is thick
        result = result & (1 - line)
    return result


def _pieces(cv2: Any, is_ink: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
    """Return the pieces that belong to the character, and whether one of them touches the edge."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(is_ink, connectivity=8)
    side, reach = is_ink.shape[0], _RESIDUE * SCALE
    kept, touches = np.zeros_like(is_ink), False
    for number in range(1, count):
        left, top, width, height, area = facts[number].tolist()
        depths = [width] * (left == 0 or left + width == side) + [height] * (top == 0 or top + height == side)
        if area < _SPECK * SCALE**2 or min(depths, default=side) <= reach:
            continue
        kept[labels == number] = 1
        touches |= bool(depths)
    return kept, touches

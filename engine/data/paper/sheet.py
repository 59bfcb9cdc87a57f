"""Where everything is on a sheet: marks, code, boxes; in millimetres from the upper left corner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from engine.errors import FieldError
from engine.words import short

__all__ = ["CODE_SIDE", "MARK_SIDE", "PAPERS", "Box", "Sheet"]

PAPERS: Mapping[str, tuple[float, float]] = {"a4": (210.0, 297.0), "letter": (215.9, 279.4)}
"""Width and height of each paper."""

MARK_SIDE = 12.0
CODE_SIDE = 24.0
BOX_SIDE = 14.0

_KIND = "tinyml-sheet-1"
_MARGIN = 12.0  # printers leave less than this white
_GAP = 2.0
_LABEL_HEIGHT = 4.0  # above each box
_MOST_CLASSES = 100
_LONGEST_NAME = 12
_MOST_TEXT = 600  # characters, which a QR code of this size holds


@dataclass(frozen=True)
class Box:
    """A place for one character.

    Attributes
    ----------
    row, column : int
        From 0.
    left, top : float
    label : str
        The class that is to be written there.
    """

    row: int
    column: int
    left: float
    top: float
    label: str

    @property
    def place(self) -> str:
        """Where it is, for people, and what it is for."""
        return f"row {self.row + 1}, box {self.column + 1} ({self.label})"


@dataclass(frozen=True)
class Sheet:
    """A page with boxes, which repeat the classes in their order.

    Raises
    ------
    FieldError
        When there are no classes or too many, a name is empty, too long or there twice, or the paper is
        unknown.
    """

    classes: tuple[str, ...]
    paper: str = "a4"

    def __post_init__(self) -> None:
        if self.paper not in PAPERS:
            raise FieldError("paper", f"Paper is one of {', '.join(PAPERS)}, got {short(self.paper, 20)}.")
        if not 2 <= len(self.classes) <= _MOST_CLASSES:
            raise FieldError(
                "classes", f"A sheet has 2 to {_MOST_CLASSES} classes, got {len(self.classes)}; name others."
            )
        for name in self.classes:
            if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
                raise FieldError(
                    "classes",
                    f"The class {short(name, 20)!r} cannot stand beside a box; names have 1 to "
                    f"{_LONGEST_NAME} characters that can be printed.",
                )
        if len(set(self.classes)) < len(self.classes):
            raise FieldError("classes", "A class is named twice; name each once.")
        if len(self.text) > _MOST_TEXT:
            raise FieldError("classes", "The names of the classes are too long together; shorten them.")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the sheet whose `text` this is; raise `FieldError` if it is none."""
        try:
            kind, paper, classes = json.loads(text)
            classes = list(classes)
        except (ValueError, TypeError, RecursionError):
            kind, paper, classes = "", "", []
        if kind != _KIND or not all(isinstance(name, str) for name in classes):
            raise FieldError("code", "This is not the code of a sheet of this program.")
        return cls(tuple(classes), str(paper))

    @property
    def text(self) -> str:
        """What its QR code says; the less, the larger are its modules."""
        classes = list(self.classes) if max(map(len, self.classes)) > 1 else "".join(self.classes)
        return json.dumps([_KIND, self.paper, classes], ensure_ascii=False, separators=(",", ":"))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return PAPERS[self.paper]

    @property
    def marks(self) -> tuple[tuple[float, float], ...]:
        """Left and top of the marks 0 to 3: the two above, then the two below, from left to right."""
        width, height = self.size
        right, bottom = width - _MARGIN - MARK_SIDE, height - _MARGIN - MARK_SIDE
        return ((_MARGIN, _MARGIN), (right, _MARGIN), (_MARGIN, bottom), (right, bottom))

    @property
    def code(self) -> tuple[float, float]:
        """Left and top of the QR code, between the upper marks."""
        return (self.size[0] / 2 - CODE_SIDE / 2, _MARGIN)

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """All boxes, row by row."""
        width, height = self.size
        top = _MARGIN + CODE_SIDE + _GAP
        columns = int((width - 2 * _MARGIN + _GAP) // (BOX_SIDE + _GAP))
        pitch = _LABEL_HEIGHT + BOX_SIDE + _GAP / 2
        rows = int((height - _MARGIN - MARK_SIDE - top) // pitch)
        left = (width - columns * (BOX_SIDE + _GAP) + _GAP) / 2
        return tuple(
            Box(
                row,
                column,
                left + column * (BOX_SIDE + _GAP),
                top + row * pitch + _LABEL_HEIGHT,
                self.classes[(row * columns + column) % len(self.classes)],
            )
            for row in range(rows)
            for column in range(columns)
        )

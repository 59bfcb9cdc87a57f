"""The boards and export formats to choose from, and the ones that are chosen at first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.boards.boards import BOARDS, Board
from engine.export import FORMATS

__all__ = ["Choice", "board_choices", "format_choices", "known_board", "known_format"]

_FIRST_BOARD: Final = "nano-33-ble"
_FIRST_FORMAT: Final = "c-int8"


@dataclass(frozen=True)
class Choice:
    """One entry of a list: its name in files, its title, and what it means."""

    name: str
    title: str
    doc: str
    tip: str = ""


def board_choices() -> tuple[Choice, ...]:
    """Return all boards."""
    return tuple(
        Choice(b.name, b.title, b.summary, f"{b.summary}. Source: {b.source}.") for b in BOARDS.values()
    )


def format_choices() -> tuple[Choice, ...]:
    """Return all formats."""
    return tuple(Choice(f.name, f.title, f"{f.doc[:1].upper()}{f.doc[1:]}") for f in FORMATS.values())


def known_board(name: str) -> Board:
    """Return the board `name`; the usual one where there is no such board."""
    return BOARDS.get(name, BOARDS[_FIRST_BOARD])


def known_format(name: str) -> str:
    """Return `name` where it is a format; the usual one where it is not."""
    usual = _FIRST_FORMAT if _FIRST_FORMAT in FORMATS else next(iter(FORMATS))
    return name if name in FORMATS else usual

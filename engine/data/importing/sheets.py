"""Photographs or scans of sheets that were printed by this program and written on (`engine.data.paper`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.data.importing.found import Found, Part, Progress
from engine.data.importing.labels import read_labels
from engine.data.importing.options import ImportOptions
from engine.data.importing.picture_folders import SUFFIXES, pictures_below
from engine.data.paper import Character, Page, characters, straighten
from engine.errors import DataError
from engine.files import is_file, is_folder

__all__ = ["is_sheet", "read_sheets"]

_MOST_SHEETS = 1000
_MOST_LISTED = 8


def is_sheet(path: Path) -> bool:
    """Return whether `path` is a picture: a single one can only be a sheet."""
    return is_file(path) and path.suffix.lower() in SUFFIXES


def read_sheets(path: Path, options: ImportOptions, progress: Progress) -> Found:
    """Read one photograph, or all in a folder; the sheets may have different classes."""
    files = sorted(pictures_below(path)) if is_folder(path) else [path]
    if not 1 <= len(files) <= _MOST_SHEETS:
        raise DataError(
            path, f"it has {len(files):,} pictures; 1 to {_MOST_SHEETS:,} sheets are read at once."
        )
    written: list[Character] = []
    remarks = []
    for number, file in enumerate(files):
        page = straighten(file)
        found = list(characters(page))
        written += found
        remarks += _remarks(file, page, found)
        progress(number + 1, len(files))
    if not written:
        raise DataError(path, "nothing is written in the boxes.")
    images = np.stack([character.image for character in written])[..., np.newaxis]
    labels = read_labels(np.array([character.box.label for character in written]), path)
    return Found({"train": Part(images, labels, fitted=True)}, tuple(remarks))


def _remarks(file: Path, page: Page, found: list[Character]) -> list[str]:
    boxes = len(page.sheet.boxes)
    remarks = [f"{file.name}: {len(found)} of {boxes} boxes have a character."]
    doubtful = [character for character in found if character.doubt]
    if doubtful:
        places = [f"{character.box.place}: {character.doubt}" for character in doubtful[:_MOST_LISTED]]
        more = len(doubtful) - len(places)
        remarks.append(f"Look at {'; '.join(places)}{f'; and {more} more' if more else ''}.")
    return remarks

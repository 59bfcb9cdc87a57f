"""What the Deploy page says of an export: its files with their sizes, and why something cannot be done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.errors import ExportError
from engine.export import Proof, check_name
from engine.verify.reference import REFERENCES
from tinyml_gui.viewmodels.quantities import bytes_words

__all__ = [
    "FileRow",
    "file_rows",
    "name_error",
    "overwrite_question",
    "page_of",
    "proof_line",
    "verification_obstacle",
]

_NOT_VERIFIABLE: Final = "Files of this format cannot be verified; export them without verifying"


@dataclass(frozen=True)
class FileRow:
    """A file that was written."""

    name: str
    size: str


def page_of(paths: Iterable[Path]) -> Path | None:
    """Return which of the files that were written a browser shows; None if none."""
    return next((path for path in paths if path.suffix == ".html"), None)


def file_rows(folder: Path, paths: Iterable[Path]) -> tuple[FileRow, ...]:
    """Return the rows of the result list, with names relative to `folder`.

    If `folder` is the path of one of the files, the names are those beside it.
    """
    return tuple(_file_row(folder, path) for path in paths)


def _file_row(folder: Path, path: Path) -> FileRow:
    inside = folder if folder in path.parents else path.parent
    return FileRow(path.relative_to(inside).as_posix(), bytes_words(path.stat().st_size))


def name_error(name: str) -> str:
    """Return why `name` cannot be the name in C; empty where it can."""
    try:
        check_name(name)
    except ExportError as error:
        return str(error)
    return ""


def verification_obstacle(format_name: str) -> str:
    """Return why exports in a format cannot be verified; empty where they can."""
    return "" if format_name in REFERENCES else _NOT_VERIFIABLE


def proof_line(proof: Proof | None) -> str:
    """Return what is known of files that were tried out before they were written; empty without a trial."""
    return "" if proof is None else proof.words


def overwrite_question(paths: Iterable[Path]) -> str:
    """Return what to ask before `paths` are replaced."""
    names = [path.name for path in paths]
    shown = ", ".join(names[:4]) + (" and others" if len(names) > 4 else "")
    verb = "exist" if len(names) > 1 else "exists"
    return f"{shown} {verb} already. Replace?"

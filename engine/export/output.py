"""Write exported files: all of them or none, and not over existing files unless that is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.errors import ExportError
from engine.files import check_replaceable, file_faults, write_all

__all__ = ["check_files", "is_safe_path", "write_files"]

_NOT_IN_NAMES = frozenset('\\:*?"<>|')  # on Windows; refused on all systems, so that exports are the same


def write_files(
    target: str | os.PathLike[str], files: Mapping[str, str | bytes], overwrite: bool = False
) -> tuple[Path, ...]:
    """Write `files` into a folder.

    Parameters
    ----------
    target : path-like
        The folder, which is made if it is missing; or the path that one of `files` will have directly in it.
    files : mapping of str to bytes or str
        Content by path relative to the folder, with slashes; subfolders are made. Text is written as UTF-8.
    overwrite : bool
        Whether files that exist may be replaced.

    Returns
    -------
    tuple of Path
        The files written, in the order of `files`.

    Raises
    ------
    ExportError
        When a file exists already, when the target names a file that is not exported, when a path leads out
        of the folder, or when two paths differ only in capitals. Nothing has been written then.
    FileError
        When the system refuses to write; files that existed are then unchanged.
    """
    paths = check_files(target, files, overwrite)
    for path in paths:
        with file_faults(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    write_all({path: _bytes(content) for path, content in zip(paths, files.values(), strict=True)})
    return paths


def check_files(
    target: str | os.PathLike[str], files: Mapping[str, str | bytes], overwrite: bool = False
) -> tuple[Path, ...]:
    """Return where `write_files` would write `files`, or raise what it would raise, and write nothing."""
    folder = _folder(Path(target), files)
    _check_apart(files)
    paths = tuple(_inside(folder, name) for name in files)
    with file_faults(folder):
        existing = [path for path in paths if path.exists()]
    if existing and not overwrite:
        raise ExportError(
            f"{existing[0]} exists already; choose another folder or allow overwriting (--force)."
        )
    for path in existing:
        check_replaceable(path)
    return paths


def is_safe_path(name: str) -> bool:
    """Whether `name` is a relative path with slashes that stays in its folder on every system."""
    parts = name.split("/")
    printable = all(c >= " " and c not in _NOT_IN_NAMES and not _is_surrogate(c) for c in name)
    return printable and not any(part.strip(" .") == "" or part[-1] in " ." for part in parts)


def _is_surrogate(c: str) -> bool:
    """Whether `c` is half a character, which UTF-8 cannot encode."""
    return "\ud800" <= c <= "\udfff"


def _check_apart(names: Iterable[str]) -> None:
    """Raise `ExportError` if two names are the same file where capitals do not count (Windows, macOS)."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(name.lower(), name)
        if other != name:
            raise ExportError(
                f"The files {other[:80]!r} and {name[:80]!r} differ only in capitals; nothing was written."
            )


def _inside(folder: Path, name: str) -> Path:
    """Return the path of the file `name` in `folder`; raise `ExportError` if it leads out of it."""
    path = folder / name
    with file_faults(folder):
        is_inside = is_safe_path(name) and _real(path.parent).is_relative_to(_real(folder))
    if not is_inside:
        raise ExportError(f"The file {name[:80]!r} would not be in the folder {folder}; nothing was written.")
    return path


def _real(path: Path) -> Path:
    """Return `path` without links. `Path.resolve` fails on a link that leads to itself."""
    return Path(os.path.realpath(path))


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _folder(target: Path, files: Mapping[str, str | bytes]) -> Path:
    at_top = [name for name in files if "/" not in name]
    if target.is_dir():
        return target
    if target.name in at_top:
        return target.parent
    if target.suffix and target.suffix in {Path(name).suffix for name in at_top}:
        raise ExportError(
            f"{target.name} is not what is exported ({', '.join(files)}); give a folder instead."
        )
    return target

"""Put exported files on the disk: all of them or none, and never over files that are already there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ExportError
from engine.files import file_faults, write_all

__all__ = ["is_safe_path", "write_files"]

_NOT_IN_NAMES = frozenset('\\:*?"<>|')  # as Windows has it, so that an export is the same everywhere


def write_files(
    target: str | os.PathLike[str], files: Mapping[str, str | bytes], overwrite: bool = False
) -> tuple[Path, ...]:
    """Write `files` into a folder.

    Parameters
    ----------
    target : path-like
        The folder, made if it is missing; or the path of one of the files at its top, which then says the
        folder.
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
        When a file exists already (nothing has been written then), the target names another file or a path
        leaves the folder.
    FileError
        When the system refuses; files that were there are then as before.
    """
    folder = _folder(Path(target), files)
    paths = {_inside(folder, name): _bytes(content) for name, content in files.items()}
    with file_faults(folder):
        existing = [path for path in paths if path.exists()]
        if existing and not overwrite:
            raise ExportError(
                f"{existing[0]} exists already; choose another folder or allow overwriting (--force)."
            )
        folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with file_faults(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    write_all(paths)
    return tuple(paths)


def is_safe_path(name: str) -> bool:
    """Whether `name` is a relative path with slashes that stays in its folder on every system."""
    parts = name.split("/")
    printable = all(c >= " " and c not in _NOT_IN_NAMES for c in name)
    return printable and not any(part.strip(" .") == "" or part[-1] in " ." for part in parts)


def _inside(folder: Path, name: str) -> Path:
    """Return the path of the file `name` in `folder`, through no link that leaves it."""
    path = folder / name
    with file_faults(folder):
        is_inside = is_safe_path(name) and path.parent.resolve().is_relative_to(folder.resolve())
    if not is_inside:
        raise ExportError(f"The file {name[:80]!r} would not be in the folder {folder}; nothing was written.")
    return path


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

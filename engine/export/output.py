"""Put exported files on the disk: all of them or none, and never over files that are already there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ExportError
from engine.files import file_faults, write_texts

__all__ = ["write_files"]


def write_files(
    target: str | os.PathLike[str], files: Mapping[str, str], overwrite: bool = False
) -> tuple[Path, ...]:
    """Write `files` into a folder.

    Parameters
    ----------
    target : path-like
        The folder, made if it is missing; or the path of one of the files, which then says the folder.
    files : mapping of str to str
        File name to text.
    overwrite : bool
        Whether files that exist may be replaced.

    Returns
    -------
    tuple of Path
        The files written, in the order of `files`.

    Raises
    ------
    ExportError
        When a file exists already (nothing has been written then) or the target names another file.
    FileError
        When the system refuses; files that were there are then as before.
    """
    folder = _folder(Path(target), files)
    paths = tuple(folder / name for name in files)
    with file_faults(folder):
        existing = [path for path in paths if path.exists()]
        if existing and not overwrite:
            raise ExportError(
                f"{existing[0]} exists already; choose another folder or allow overwriting (--force)."
            )
        folder.mkdir(parents=True, exist_ok=True)
    write_texts(dict(zip(paths, files.values(), strict=True)))
    return paths


def _folder(target: Path, files: Mapping[str, str]) -> Path:
    if target.suffix not in {Path(name).suffix for name in files} or target.is_dir():
        return target
    if target.name not in files:
        raise ExportError(
            f"{target.name} is not what is exported ({', '.join(files)}); give a folder instead."
        )
    return target.parent

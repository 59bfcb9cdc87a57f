"""Temporary files and folders that a killed process does not leave behind for ever.

Nobody can clean up after being killed. So who makes a temporary file or folder holds a lock on it, which the
system releases when the process ends, however it ends; and whoever needs the same place next removes what is
no longer held. Ids of processes in the names would not do: they are used again, and mean nothing to another
computer or container that sees the same folder. Where there are no such locks (Windows), what is older than
a day is removed.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from engine.locks import lock

__all__ = ["link_beside", "new_file", "remove_abandoned_files", "work_folder"]

_SUFFIX = ".tinyml-tmp"
_FOLDER_PREFIX = "tinyml-work-"
_NAME_LENGTH = 40  # characters, of up to four bytes; a name may have 255 bytes
_ABANDONED_SECONDS = 86_400.0  # where there are no locks


def new_file(folder: Path, name: str) -> tuple[BinaryIO, Path]:
    """Make a temporary file beside the file `name`; it is held until the stream is closed."""
    while True:
        descriptor, path = tempfile.mkstemp(prefix=_prefix(name), suffix=_SUFFIX, dir=folder)
        if _hold(descriptor, path):
            return os.fdopen(descriptor, "w+b"), Path(path)
        os.close(descriptor)


def link_beside(file: Path) -> Path | None:
    """Return another, temporary name of `file`, or None where it cannot have one; nobody holds it."""
    path = file.with_name(f"{_prefix(file.name)}{secrets.token_hex(4)}{_SUFFIX}")
    with suppress(OSError):
        os.link(file, path)
        return path
    return None


def _prefix(name: str) -> str:
    return f".{name[:_NAME_LENGTH]}."


def remove_abandoned_files(folder: Path) -> None:
    """Remove the files of `new_file` in `folder` that no living process holds."""
    for path in _listed(folder, "", _SUFFIX):
        _remove_if_abandoned(path, os.O_RDWR)


@contextmanager
def work_folder() -> Iterator[Path]:
    """Yield a new, empty folder for the files of some work; it is removed with all that is in it then.

    Raises
    ------
    OSError
        When the folder for temporary files cannot be used.
    """
    for path in _listed(Path(tempfile.gettempdir()), _FOLDER_PREFIX, ""):
        _remove_if_abandoned(path, os.O_RDONLY)
    path, descriptor = _held_folder()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _held_folder() -> tuple[Path, int | None]:
    """Make a folder; return it with the descriptor that holds it, None where there are no locks."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
        if sys.platform == "win32":
            return path, None
        with suppress(FileNotFoundError):  # removed by another process, before it was held
            descriptor = os.open(path, os.O_RDONLY)
            if _hold(descriptor, path):
                return path, descriptor
            os.close(descriptor)


if sys.platform == "win32":

    def _hold(descriptor: int, path: str | Path) -> bool:
        return True

    def _remove_if_abandoned(path: Path, access: int) -> None:
        with suppress(OSError):
            found = path.lstat()
            if time.time() - found.st_mtime > _ABANDONED_SECONDS:
                _remove(path, found.st_mode)

else:

    def _hold(descriptor: int, path: str | Path) -> bool:
        """Lock what was just made; return False if another process has removed it before it was locked."""
        try:
            lock(descriptor)
        except BlockingIOError:  # another process is about to remove it
            return False
        except OSError:  # no locks here: then nobody can lock it to remove it, either
            pass
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(path))
        except FileNotFoundError:
            return False

    def _remove_if_abandoned(path: Path, access: int) -> None:
        """Remove a file or folder of ours that can be locked; others may be removing it too, at any step."""
        with suppress(OSError):
            descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                found = os.fstat(descriptor)
                if found.st_uid == os.getuid():
                    lock(descriptor)
                    _remove(path, found.st_mode)
            finally:
                os.close(descriptor)


def _listed(folder: Path, prefix: str, suffix: str) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [Path(e.path) for e in entries if e.name.startswith(prefix) and e.name.endswith(suffix)]
    return []


def _remove(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        shutil.rmtree(path, ignore_errors=True)
    elif stat.S_ISREG(mode):
        path.unlink()

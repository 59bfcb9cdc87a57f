"""Files are replaced whole or not at all, and are never read beyond a limit.

Writing goes to a temporary file in the same folder, which is flushed to the disk and then renamed
over the old file: a full disk, a pulled plug or an exception leaves the old file as it was. Every
fault that the file system reports becomes one sentence, a `FileError`.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import FileError

__all__ = [
    "atomic_write",
    "check_disk_space",
    "describe_os_error",
    "file_faults",
    "is_file",
    "is_folder",
    "read_limited",
    "write_all",
    "write_bytes",
]

_Write = Callable[[BinaryIO], object]

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and try again.",
    errno.EDQUOT: "your disk quota is used up; free some space and try again.",
    errno.EACCES: "permission denied; choose a place that you may read and write.",
    errno.EPERM: "the operation is not permitted here; choose another folder.",
    errno.EROFS: "the folder is read-only; choose another one.",
    errno.ENOENT: "there is no such file or folder; check the path.",
    errno.ENOTDIR: "a part of the path is a file, not a folder; check the path.",
    errno.EISDIR: "this is a folder, not a file; give a file name.",
    errno.EEXIST: "there is a file of this name already; choose another one.",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one.",
    errno.EIO: "the disk reports a read or write fault; copy your files to another one.",
}


def describe_os_error(error: OSError) -> str:
    """Return what went wrong and what to do, without the path, as one sentence."""
    known = _REASONS.get(error.errno) if error.errno is not None else None
    return known or f"the system says: {error.strerror or error}."


@contextmanager
def file_faults(path: str | os.PathLike[str], error_type: type[FileError] = FileError) -> Iterator[None]:
    """Turn an `OSError` (or a path that no system call accepts) inside the block into `error_type`."""
    try:
        yield
    except OSError as error:
        raise error_type(path, describe_os_error(error)) from error
    except ValueError as error:
        if "null" not in str(error):  # a NUL in a path is a ValueError, not an OSError
            raise
        raise error_type(path, "the name holds a character that no file name may have.") from error


def is_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a file; False also if access is denied."""
    with suppress(OSError, ValueError):
        return Path(path).is_file()
    return False


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a folder; False also if access is denied."""
    with suppress(OSError, ValueError):
        return Path(path).is_dir()
    return False


def atomic_write(path: str | os.PathLike[str], write: _Write) -> None:
    """Replace the file at `path` by what `write` puts into the stream it is given.

    Parameters
    ----------
    path : path-like
        The file to create or replace; its folder must exist. A symbolic link is followed.
    write : callable
        Called once with a binary stream, open for writing and seekable.

    Raises
    ------
    FileError
        When the system refuses; the old file is then unchanged and nothing is left behind.
        Exceptions of `write` pass through, with the same guarantee.
    """
    _replace_all({Path(path): write})


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at `path` by `data`; see `atomic_write`."""
    atomic_write(path, lambda stream: stream.write(data))


def check_disk_space(path: str | os.PathLike[str], size: int) -> None:
    """Raise `FileError` now, rather than after long work, if `path` cannot be written with `size` bytes."""

    def try_out(stream: BinaryIO) -> None:
        stream.write(bytes(size))
        stream.flush()
        raise _EnoughError

    with suppress(_EnoughError):
        atomic_write(path, try_out)


class _EnoughError(Exception):
    """Ends a trial write."""


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Replace each file by its content, once all contents are on the disk; see `atomic_write`."""
    _replace_all({path: _writer(content) for path, content in contents.items()})


def _writer(data: bytes) -> _Write:
    return lambda stream: stream.write(data)


def read_limited(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the content of `path`, or raise `FileError` if it is longer than `limit` bytes."""
    with file_faults(path), Path(path).open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        reason = f"the file is larger than the {limit:,} bytes allowed; it is damaged or not what it claims."
        raise FileError(path, reason)
    return data


def _replace_all(writes: Mapping[Path, _Write]) -> None:
    ready: list[tuple[Path, Path]] = []
    try:
        for path, write in writes.items():
            with file_faults(path):
                target = _target(path)
                ready.append((_write_beside(target, write), target))
        for temporary, target in ready:
            with file_faults(target):
                temporary.replace(target)
    except BaseException:
        for temporary, _ in ready:
            _remove(temporary)
        raise
    for folder in {target.parent for _, target in ready}:
        _sync_folder(folder)


def _target(path: Path) -> Path:
    """Return the file that `path` names, links resolved; raise `FileError` if no file can be there."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise FileError(path, _REASONS[errno.EISDIR])
    if not target.parent.is_dir():
        raise FileError(path, f"the folder {target.parent} does not exist; create it first.")
    return target


def _write_beside(target: Path, write: _Write) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:64]}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(OSError):  # not every file system has permissions
            temporary.chmod(_mode_for(target))
    except BaseException:
        _remove(temporary)
        raise
    return temporary


def _mode_for(target: Path) -> int:
    """Return the old file's permissions, or those that a plainly created file would get."""
    try:
        return target.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0o666 & ~_umask()


def _umask() -> int:
    """Return the process's umask. It can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _remove(temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

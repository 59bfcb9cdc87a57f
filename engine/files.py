"""Files are replaced whole or not at all, and are never read beyond a limit.

Writing goes to a temporary file in the same folder, which is flushed to the disk and then renamed
over the old file: a full disk, a pulled plug or an exception leaves the old file as it was. What a killed
process leaves behind, the next one that writes into the same folder removes (`engine.temporary`). Pipes and
devices are neither read nor replaced. Every fault that the file system reports becomes one sentence, a
`FileError`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import platformdirs

from engine.errors import FileError
from engine.temporary import link_beside, new_file, remove_abandoned_files

__all__ = [
    "atomic_write",
    "check_disk_space",
    "check_replaceable",
    "describe_os_error",
    "file_faults",
    "is_file",
    "is_folder",
    "open_file",
    "read_limited",
    "user_folder",
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
    errno.ESPIPE: "this is a pipe or a device, not a file; give the name of a file.",
    errno.ENXIO: "this is a socket or a device, not a file; give the name of a file.",
    errno.EIO: "the disk reports a read or write fault; copy your files to another one.",
}


def user_folder(name: str) -> Path:
    """Return the folder `name` among those where the program keeps what belongs to the user.

    It may not exist yet.
    """
    return Path(platformdirs.user_data_dir("tinyml", appauthor=False)) / name


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
        When the system refuses, or `path` is a device, a pipe or a write-protected file; what was there is
        then unchanged and nothing is left behind.
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


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise `FileError` if what is at `path` may not be replaced: a folder, device or protected file."""
    with file_faults(path):
        _target(Path(path))


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Replace each file by its content, once all contents are on the disk; see `atomic_write`.

    Where one of them cannot be replaced, those that were are put back. But no file system replaces several
    files at once: after a kill some may be new and some old, which what belongs together has to check itself.
    """
    _replace_all({path: _writer(content) for path, content in contents.items()})


def _writer(data: bytes) -> _Write:
    return lambda stream: stream.write(data)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open the file `path` to be read.

    Raises
    ------
    OSError
        Also for a pipe or a device, which might never end, or never begin.
    """
    # The system would wait for somebody who writes into a pipe.
    at_once, binary = getattr(os, "O_NONBLOCK", 0), getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, os.O_RDONLY | at_once | binary)
    try:
        _check_regular(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check_regular(mode: int) -> None:
    """Raise `OSError` for the mode of anything but a plain file."""
    if not stat.S_ISREG(mode):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.ESPIPE
        raise OSError(code, os.strerror(code))


def read_limited(path: str | os.PathLike[str], limit: int) -> bytes:
    """Return the content of `path`, or raise `FileError` if it is longer than `limit` bytes."""
    with file_faults(path), open_file(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        reason = f"the file is larger than the {limit:,} bytes allowed; it is damaged or not what it claims."
        raise FileError(path, reason)
    return data


def _replace_all(writes: Mapping[Path, _Write]) -> None:
    ready: dict[Path, Path] = {}
    with ExitStack() as written:
        for path, write in writes.items():
            with file_faults(path):
                target = _target(path)
                if target.parent not in {done.parent for done in ready}:
                    remove_abandoned_files(target.parent)
                ready[target] = written.enter_context(_written_beside(target, write))
        _rename_all(ready)
    for folder in {target.parent for target in ready}:
        _sync_folder(folder)


def _rename_all(ready: Mapping[Path, Path]) -> None:
    """Rename the temporary file of each target; if one cannot be renamed, put all back that were there."""
    with ExitStack() as kept:
        for target, temporary in ready.items():
            if len(ready) > 1:
                kept.enter_context(_kept_in_case(target))
            with file_faults(target):
                temporary.replace(target)


@contextmanager
def _kept_in_case(target: Path) -> Iterator[None]:
    """If the block fails, put back what is at `target` now, as far as the file system has links."""
    is_new, old = not target.exists(), link_beside(target)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            if old is not None:
                old.replace(target)
            elif is_new:
                target.unlink()
        raise
    finally:
        if old is not None:
            with suppress(OSError):
                old.unlink()


def _target(path: Path) -> Path:
    """Return the file that `path` names, links resolved; raise an error if no file can be put there."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileError(path, f"the folder {target.parent} does not exist; create it first.")
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        _check_regular(mode)
        if not (mode & 0o222 and os.access(target, os.W_OK)):  # the superuser may write everywhere
            raise FileError(path, "the file is write-protected; choose another name, or allow writing to it.")
    return target


@contextmanager
def _written_beside(target: Path, write: _Write) -> Iterator[Path]:
    """Yield a temporary file beside `target` with what `write` puts into it; remove it if it is still there.

    It stays open, and with that held, until it has been renamed; Windows renames no open files.
    """
    stream, temporary = new_file(target.parent, target.name)
    try:
        with stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
            with suppress(OSError):  # not every file system has permissions
                temporary.chmod(_mode_for(target))
            if os.name == "nt":
                stream.close()
            yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


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


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Locks on open files and claims on names. The system ends them with the process, however that ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import FileError

__all__ = ["claimed", "lock"]

_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
_FAR = 1 << 20  # on Windows a locked byte cannot be read: lock one that is not there


def lock(descriptor: int, shared: bool = False) -> None:
    """Lock an open file until it is closed; do not wait for it.

    Parameters
    ----------
    descriptor : int
    shared : bool
        Whether others may hold it too, if they share it as well; on Windows nobody does.

    Raises
    ------
    BlockingIOError
        When somebody else holds it.
    OSError
        When there are no locks here, as on some network drives.
    """
    try:
        _lock(descriptor, shared)
    except OSError as error:
        if error.errno in _HELD:
            raise BlockingIOError(error.errno, os.strerror(error.errno)) from error
        raise


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, shared: bool) -> None:
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, place, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


@contextmanager
def claimed(place: Path, name: str | os.PathLike[str], refusal: str) -> Iterator[None]:
    """Hold the lock file `place` inside the block, so that nobody else writes the file `name`.

    A lock file that a killed program left claims nothing. Where none can be made (in a folder without write
    access, on some network drives) the block runs without.

    Raises
    ------
    FileError
        When another program holds it; its sentence is the name and `refusal`.
    """
    stream = _claim(place, name, refusal)
    try:
        yield
    finally:
        if stream is not None:
            _release(stream, place)


def _claim(place: Path, name: str | os.PathLike[str], refusal: str) -> BinaryIO | None:
    while True:
        try:
            stream = place.open("ab")
        except OSError:
            return None
        try:
            lock(stream.fileno())
        except BlockingIOError as error:
            stream.close()
            raise FileError(name, refusal) from error
        except OSError:
            stream.close()
            return None
        if _is_at(stream, place):
            return stream
        stream.close()  # whoever held it has just removed it


def _is_at(stream: BinaryIO, place: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(stream.fileno()), place.stat())
    return False


if sys.platform == "win32":

    def _release(stream: BinaryIO, place: Path) -> None:
        stream.close()  # an open file cannot be removed; one that the next run has opened stays
        with suppress(OSError):
            place.unlink()

else:

    def _release(stream: BinaryIO, place: Path) -> None:
        with suppress(OSError):  # while it is locked: it may be the next run's as soon as it is not
            place.unlink()
        stream.close()

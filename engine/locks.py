"""Locks on open files. The system releases them when the process ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys

__all__ = ["lock"]

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

"""A name is claimed for as long as a run writes files by it.

Two runs with one name would overwrite and remove each other's files. The claim is a lock that the system
gives up when its process ends, however it ends; a lock file that a killed run left claims nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import FileError
from engine.locks import lock

__all__ = ["claimed"]


@contextmanager
def claimed(place: Path, name: str) -> Iterator[None]:
    """Hold the lock file `place` inside the block.

    Where none can be made (in a folder without write access, on some network drives) the block runs without.

    Raises
    ------
    FileError
        When another run holds it; the sentence speaks of the file `name`.
    """
    stream = _locked(place, name)
    try:
        yield
    finally:
        if stream is not None:
            _release(stream, place)


def _locked(place: Path, name: str) -> BinaryIO | None:
    while True:
        try:
            stream = place.open("ab")
        except OSError:
            return None
        try:
            lock(stream.fileno())
        except BlockingIOError as error:
            stream.close()
            raise FileError(
                name, "another training is writing to it; give another name with --out, or wait for its end."
            ) from error
        except OSError:
            stream.close()
            return None
        if _is_at(stream, place):
            return stream
        stream.close()  # the run that held it has just removed it


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

"""Files that survive when the program is killed: each running program has a set of its own.

A set is a folder named by time and process, so no two programs ever share one, however many there are. A lock
on its file ``owner`` says that the program lives; the system releases it, however the program ends. Where
there are no locks, it counts that the program touches this file now and then. What an ended program has left
stays where it is until the user has answered, or for thirty days.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from engine.errors import FileError
from engine.files import file_faults
from engine.locks import lock

__all__ = ["TOUCH_SECONDS", "LeftBehind", "RecoveryFiles"]

TOUCH_SECONDS: Final = 15.0  # between two touches
_SILENT_SECONDS: Final = 60.0  # without a touch: its program has ended
_DAY: Final = 86_400.0
_KEPT_SECONDS: Final = 30 * _DAY
_SETS: Final = "unsaved"
_OWNER: Final = "owner"
_MODEL: Final = "model.tinyml"
_RUN: Final = "run.tinyml"
_LOCKED: Final = b"locked"


@dataclass(frozen=True)
class LeftBehind:
    """The set of a program that has ended.

    Attributes
    ----------
    folder : Path
    saved_at : float
        When it was written last, in seconds since 1970.
    """

    folder: Path
    saved_at: float

    @property
    def model(self) -> Path | None:
        """The copy of an unsaved model; None where there is none."""
        return _existing(self.folder / _MODEL)

    @property
    def run(self) -> Path | None:
        """The training run that was under way; None where there is none."""
        return _existing(self.folder / _RUN)


class RecoveryFiles:
    """The set of files that this program may write, until `close` or `release`.

    Parameters
    ----------
    folder : Path
        Where all sets are; created where it is missing. Where that fails, writing the files fails later, with
        a sentence.

    Attributes
    ----------
    model : Path
        A copy of the unsaved model.
    run : Path
        The training run under way.
    """

    def __init__(self, folder: Path) -> None:
        self._sets = folder / _SETS
        self._own = _new_folder(self._sets)
        self._owner: BinaryIO | None = None
        self.model, self.run = self._own / _MODEL, self._own / _RUN
        self.claim()

    def claim(self) -> None:
        """Say that this program lives. Call it again now and then: the folder may be gone."""
        owner = self._own / _OWNER
        with suppress(OSError):
            if self._owner is None or not owner.exists():
                self._own.mkdir(parents=True, exist_ok=True)
                self.release()
                self._owner = _held(owner)
            os.utime(owner)

    def left(self) -> tuple[LeftBehind, ...]:
        """Return what ended programs have left, the newest first; remove what is too old."""
        found: list[LeftBehind] = []
        now = self._touched_at()
        for folder in self._others():
            with suppress(OSError):  # another program is removing it
                if not _is_alive(folder, now):
                    found += _looked_into(folder)
        return tuple(sorted(found, key=lambda left: left.saved_at, reverse=True))

    def adopt(self, left: LeftBehind) -> None:
        """Make what was left this program's own, in place of its own files.

        Raises
        ------
        FileError
            When the files cannot be moved; those that were not stay where they were.
        """
        self.claim()
        for old, new in ((left.model, self.model), (left.run, self.run)):
            if old is not None:
                with file_faults(old):
                    os.replace(old, new)
        self.discard(left)

    def discard(self, left: LeftBehind) -> None:
        """Remove what was left."""
        shutil.rmtree(left.folder, ignore_errors=True)
        if left.model is not None or left.run is not None:
            raise FileError(left.folder, "this copy cannot be removed; remove the folder by hand.")

    def close(self, keep_run: bool = False) -> None:
        """Remove the files, except a run about which the user has not decided."""
        self.release()
        if keep_run and self.run.is_file():
            for name in (_MODEL, _OWNER):
                with suppress(OSError):
                    (self._own / name).unlink(missing_ok=True)
        else:
            shutil.rmtree(self._own, ignore_errors=True)

    def release(self) -> None:
        """Leave the files to the next program."""
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _touched_at(self) -> float:
        """Return the time by the clock of the file system, which may be another computer's."""
        owner = self._own / _OWNER
        with suppress(OSError):
            os.utime(owner)
            return owner.stat().st_mtime
        return time.time()

    def _others(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from (path for path in self._sets.iterdir() if path != self._own and path.is_dir())


def _new_folder(sets: Path) -> Path:
    """Return a new folder in `sets`; it is missing where none can be made."""
    name, number = f"{datetime.now():%Y-%m-%d-%H%M%S}-{os.getpid()}", 1
    while True:
        folder = sets / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        except OSError:
            pass
        return folder


def _held(owner: Path) -> BinaryIO:
    """Open the file `owner` and lock it if that is possible here."""
    stream = owner.open("w+b")
    with suppress(OSError):
        lock(stream.fileno())
        stream.write(_LOCKED)
        stream.flush()
    return stream


def _is_alive(folder: Path, now: float) -> bool:
    """Tell whether the program lives that `folder` belongs to."""
    owner = folder / _OWNER
    try:
        with owner.open("r+b") as stream:
            if stream.read(len(_LOCKED)) == _LOCKED:
                lock(stream.fileno(), shared=True)
                return False
    except FileNotFoundError:  # its program was closed
        return False
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # no locks here
        pass
    return abs(now - owner.stat().st_mtime) < _SILENT_SECONDS


def _looked_into(folder: Path) -> list[LeftBehind]:
    """Return what is in `folder`; remove the folder if it is too old, or empty for a while."""
    files = [path for name in (_MODEL, _RUN) if (path := _existing(folder / name))]
    saved_at = max(path.stat().st_mtime for path in (files or [folder]))
    if time.time() - saved_at > (_KEPT_SECONDS if files else _DAY):
        shutil.rmtree(folder, ignore_errors=True)
        return []
    return [LeftBehind(folder, saved_at)] if files else []


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None

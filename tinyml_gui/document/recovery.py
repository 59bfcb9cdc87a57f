"""Files that survive when the program is killed: each running program has a set of its own.

A lock file says which program owns a set; the lock of a program that no longer runs is ignored. What an
earlier program left is moved aside at the start, so that it can be offered while new copies are written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLockFile, QStandardPaths

__all__ = ["RecoveryFiles", "data_folder"]

_PLACES: Final = 8
_NAMES: Final = ("recovered", "run", "offered")


def data_folder() -> Path:
    """Return where the application keeps files of its own."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation))


class RecoveryFiles:
    """The set of files that this program may write, until `close`.

    Parameters
    ----------
    folder : Path
        Created where it is missing. Where that fails, writing the files fails later, with a sentence.

    Attributes
    ----------
    model : Path
        A copy of the unsaved model.
    run : Path
        The training run under way.
    """

    def __init__(self, folder: Path) -> None:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock, suffix = _claim(folder)
        self.model, self.run, self._offered = (folder / f"{name}{suffix}.tinyml" for name in _NAMES)
        with suppress(OSError):
            os.replace(self.model, self._offered)

    @property
    def offered(self) -> Path | None:
        """The unsaved model that an earlier program left; None where there is none."""
        return self._offered if self._offered.is_file() else None

    def accept(self) -> None:
        """The offered model is the one being worked on from now on."""
        with suppress(OSError):
            os.replace(self._offered, self.model)

    def refuse(self) -> None:
        """Drop the offered model."""
        with suppress(OSError):
            self._offered.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the files, except a model that was offered and neither opened nor discarded."""
        with suppress(OSError):
            self.model.unlink(missing_ok=True)
            self.run.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None


def _claim(folder: Path) -> tuple[QLockFile | None, str]:
    """Lock a set that is free, if possible one in which an earlier program left something."""
    suffixes = ["", *(f"-{number}" for number in range(1, _PLACES))]
    left = [s for s in suffixes if any((folder / f"{name}{s}.tinyml").exists() for name in _NAMES)]
    for suffix in dict.fromkeys([*left, *suffixes]):
        lock = QLockFile(str(folder / f"session{suffix}.lock"))
        lock.setStaleLockTime(0)  # as long as its program lives, however long
        if lock.tryLock(0):
            return lock, suffix
    return None, suffixes[-1]

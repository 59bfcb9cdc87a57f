"""Workers must have this program and NumPy in the same versions: others may give other numbers."""

from __future__ import annotations

import numpy as np

import engine
from engine.errors import TinyMLError
from engine.words import short

__all__ = ["Versions", "check_versions", "first_line", "own_versions"]

Versions = tuple[str, str]


def own_versions() -> Versions:
    """Return the versions of this program and of NumPy in this process."""
    return engine.__version__, np.__version__


def check_versions(worker: str, found: Versions | BaseException, wanted: Versions) -> None:
    """Raise `TinyMLError` if `worker` has other versions; `found` may be the error of looking for them."""
    if isinstance(found, BaseException):
        raise TinyMLError(
            f"The worker {worker} cannot run this program ({first_line(found)}); install tinyml-studio "
            f"{wanted[0]} with its extra cluster there."
        )
    if found != wanted:
        there, needed = (f"tinyml-studio {own} with NumPy {numpy}" for own, numpy in (found, wanted))
        raise TinyMLError(
            f"The worker {worker} has {there}, but the sweep needs {needed}; install the same there."
        )


def first_line(error: BaseException) -> str:
    """Return the first line of what `error` says."""
    return short(str(error).strip().partition("\n")[0] or type(error).__name__, 120)

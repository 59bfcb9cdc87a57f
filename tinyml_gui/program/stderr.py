"""Writes to stderr, which may be missing (a program without a console), closed, or on a disk that is full."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["print_error"]


def print_error(text: str) -> None:
    """Write `text` and a line break to stderr if that is possible; never raise."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # Python raises ValueError for a closed stream
            sys.stderr.write(f"{text.rstrip()}\n")
            sys.stderr.flush()

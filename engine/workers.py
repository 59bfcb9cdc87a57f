"""Processes of this program that share its work.

They begin with a fresh interpreter: a fork would copy the locks of other threads. Python would look into the
current folder for the modules that such an interpreter starts with, and that folder may come from anyone. So
processes are started in `safe_start`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext

__all__ = ["CONTEXT", "leave_signals", "safe_start"]

_SAFE_PATH = "PYTHONSAFEPATH"

CONTEXT: SpawnContext = multiprocessing.get_context("spawn")
"""How processes begin."""


@contextmanager
def safe_start() -> Iterator[None]:
    """Let processes that are started meanwhile import nothing from the current folder."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def leave_signals() -> None:
    """In a process that shares work: leave Ctrl+C to the process that started it, and end when terminated."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

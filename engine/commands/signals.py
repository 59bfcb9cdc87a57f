"""Signals that end a program. No large module is imported here: signals may come while those are loading."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["SIGNALS", "on_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl+C, and the request to end; by default both raise KeyboardInterrupt (`engine.cli`)."""


@contextmanager
def on_signals(
    handler: Callable[[int, FrameType | None], Any], numbers: tuple[signal.Signals, ...] = SIGNALS
) -> Iterator[None]:
    """Let `handler` handle the signals inside the block; has no effect on threads other than the main one."""
    try:
        before = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # not the main thread: signals go elsewhere
        yield
        return
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)

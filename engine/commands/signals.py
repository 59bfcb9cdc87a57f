"""What ends a program. Nothing that computes is imported here: signals come while that is still loading."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["SIGNALS", "on_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl+C, and being told to end; both interrupt where nothing else is said (`engine.cli`)."""


@contextmanager
def on_signals(
    handler: Callable[[int, FrameType | None], Any], numbers: tuple[signal.Signals, ...] = SIGNALS
) -> Iterator[None]:
    """Let `handler` have the signals inside the block; nothing changes on other threads than the main one."""
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

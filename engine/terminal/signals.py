"""Signals that end a program. No large module is imported here: signals may come while those are loading."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["ending_signals", "on_signals"]


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return Ctrl+C, the request to end, and that the terminal was closed, where the system has it.

    By default all raise KeyboardInterrupt (`engine.cli`). A program that was started with ``nohup`` outlives
    its terminal.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return (signal.SIGINT, signal.SIGTERM)
    return (signal.SIGINT, signal.SIGTERM, hangup)


@contextmanager
def on_signals(
    handler: Callable[[int, FrameType | None], Any], numbers: Sequence[signal.Signals] | None = None
) -> Iterator[None]:
    """Let `handler` handle the signals inside the block, all `ending_signals` if `numbers` is None.

    Has no effect on threads other than the main one.
    """
    try:
        before = {number: signal.signal(number, handler) for number in numbers or ending_signals()}
    except ValueError:  # not the main thread: signals go elsewhere
        yield
        return
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)

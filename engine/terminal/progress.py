"""Show a run in a terminal: a bar, and a line for each epoch; Ctrl+C or SIGTERM ends it in good order."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.terminal.console import Console, percent
from engine.terminal.signals import on_signals
from engine.training.events import BatchDone, Diverged, EpochDone, Event, Learning

__all__ = ["TrainingDisplay", "asking_for_interrupts", "quick_switches", "stopping_on_interrupt"]

SWITCH_SECONDS = 1e-4  # threads synchronize after every step: so they wait less for the interpreter


class TrainingDisplay:
    """A progress bar over all batches, and a line for each epoch."""

    def __init__(self, console: Console, classes: int) -> None:
        self._console = console
        self._learning = Learning(classes)
        self._hinted = False
        self._bar = console.progress(0, "batch")

    def __enter__(self) -> TrainingDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def report(self, event: Event) -> None:
        """Show `event`."""
        if isinstance(event, BatchDone):
            self._bar.total = event.steps
            text = f"loss {event.loss:.4f} {event.images_per_second:,.0f} images/s"
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(event.step - self._bar.n)
            self._learning.begin(event)
        elif isinstance(event, EpochDone):
            self._console.log(_epoch_line(event))
            self._hint(event)
        elif isinstance(event, Diverged):
            where = f"epoch {event.epoch}, step {event.step}"
            self._console.log(f"Diverged in {where}. {event.advice} {event.kept}")

    def _hint(self, done: EpochDone) -> None:
        """Say, once at most, that nothing is learned."""
        hint = self._learning.hint(done)
        if hint and not self._hinted:
            self._hinted = True
            self._console.log(hint)


def _epoch_line(done: EpochDone) -> str:
    line = f"Epoch {done.epoch}/{done.epochs}: loss {done.train_loss:.4f}, {percent(done.train_accuracy)}"
    if not math.isnan(done.validation_loss):
        line += f"; validation {done.validation_loss:.4f}, {percent(done.validation_accuracy)}"
    return f"{line}; {done.images_per_second:,.0f} images/s"


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let the interpreter switch between threads more often inside the block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def stopping_on_interrupt(stop: Callable[[], None], console: Console) -> Iterator[None]:
    """Let the first Ctrl+C, or SIGTERM, call `stop`, which ends the run; a second one interrupts as usual.

    A terminal that is closed sends SIGHUP, often twice, so that one only stops the run.
    """

    def press(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        stop()
        console.log("Stopping after this batch; press Ctrl+C again to give up at once.")

    with on_signals(press):
        yield


@contextmanager
def asking_for_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl+C was pressed.

    Code that libraries in other languages call back must ask it: an exception would not pass through them.
    """
    pressed = threading.Event()

    def press(*_: object) -> None:
        pressed.set()

    with on_signals(press):
        yield pressed.is_set

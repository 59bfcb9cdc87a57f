"""The only module that knows threads: a worker thread runs generators, the window reads their messages.

A `Job` is a generator. The worker steps it and puts what it yields into a queue. The window's thread empties
the queue at most 30 times a second and passes the items to plain callbacks, so everything outside this file
runs on the window's thread. A paused job is not stepped. Last comes what the generator returned, or the
exception that ended it.
"""

from __future__ import annotations

import functools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from engine.errors import TinyMLError, TrainingError

__all__ = ["Job", "JobOutcome", "Steps", "Worker"]

Steps = Generator[Any, None, Any]
_MAIL_SECONDS: Final = 1 / 30
_NICER: Final = 10
_NO_MEMORY: Final = "There is not enough memory for this; use a smaller batch or network."


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended.

    Attributes
    ----------
    result : object
        What the generator returned.
    error : TinyMLError or None
        A fault that the user caused.
    cancelled : bool
    """

    result: Any = None
    error: TinyMLError | None = None
    cancelled: bool = False


class Job:
    """A generator, with methods to pause, stop and cancel it from any thread.

    Parameters
    ----------
    make : callable
        ``make(stopping)`` returns the generator; it may look at the event to end early with a result.
    progressed : callable
        ``progressed(items)`` on the window's thread, with all that was yielded or told since the last call.
    ended : callable
        ``ended(outcome)`` on the window's thread, once, last.

    Attributes
    ----------
    tell : callable
        ``tell(item)`` reports an item in the middle of a step, where the generator cannot yield; called on
        the worker's thread.
    """

    def __init__(
        self,
        make: Callable[[threading.Event], Steps],
        ended: Callable[[JobOutcome], None],
        progressed: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self.make = make
        self.ended = ended
        self.progressed = progressed
        self.stopping = threading.Event()
        self.cancelling = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self.tell: Callable[[Any], None] = _ignore

    def pause(self) -> None:
        """Step the generator no further until `resume`."""
        self.going.clear()

    def resume(self) -> None:
        """Step the generator again."""
        self.going.set()

    def stop(self) -> None:
        """Ask the generator to end early; its result still comes."""
        self.stopping.set()
        self.going.set()

    def cancel(self) -> None:
        """Close the generator at its next step; there is no result."""
        self.cancelling.set()
        self.stop()

    def drop(self) -> None:
        """Cancel, and call no callback any more; called on the window's thread."""
        self.ended, self.progressed = _ignore, None
        self.cancel()


def _ignore(item: object) -> None:
    """Stand in for a callback that is not wanted."""


@dataclass(frozen=True)
class _Ended:
    outcome: JobOutcome
    bug: Exception | None = None


class Worker(QThread):
    """Does jobs one after the other on a thread of its own.

    Parameters
    ----------
    name : str
        For debuggers.
    parent : QObject
        Lives in the window's thread; calls `shut_down` before it goes.
    gives_way : bool
        Whether this thread has a lower priority than the window's. Not for short work in Python: such a
        thread would be suspended while it holds the interpreter lock, and the window would wait for it.
    """

    _posted = Signal()

    def __init__(self, name: str, parent: QObject, *, gives_way: bool = True) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._gives_way = gives_way
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._open: list[Job] = []
        self._lock = threading.Lock()
        self._mail: list[tuple[Job, Any]] = []
        self._taken_at = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._take)
        self._posted.connect(self._schedule)

    def submit(self, job: Job) -> Job:
        """Do `job` after those submitted before."""
        self._open.append(job)
        self._jobs.put(job)
        if not self.isRunning():
            self.start()
        return job

    @property
    def busy(self) -> bool:
        """Whether a job has not ended yet."""
        return bool(self._open)

    def cancel_all(self) -> None:
        """Cancel all jobs, without waiting for them."""
        for job in self._open:
            job.cancel()

    def shut_down(self) -> None:
        """Cancel all jobs and wait for the thread; nothing is reported any more."""
        self.cancel_all()
        self._open.clear()
        self._jobs.put(None)
        self.quit()
        self.wait()
        self._timer.stop()

    def run(self) -> None:
        """Do jobs until told to end; on the worker's thread."""
        if self._gives_way:
            _give_way()
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Do the next job; return False when there is none left. Between jobs no reference to one is kept."""
        job = self._jobs.get()
        if job is not None:
            self._post(job, _do(job, self._post))
        return job is not None

    def _post(self, job: Job, item: Any) -> None:
        with self._lock:
            first = not self._mail
            self._mail.append((job, item))
        if first:
            self._posted.emit()

    @Slot()
    def _schedule(self) -> None:
        wait = _MAIL_SECONDS - (time.monotonic() - self._taken_at)
        self._timer.start(max(0, round(1000 * wait)))

    @Slot()
    def _take(self) -> None:
        """Hand the mail out, on the window's thread."""
        self._taken_at = time.monotonic()
        with self._lock:
            mail, self._mail = self._mail, []
        bug: Exception | None = None
        for job, items in _by_job(mail).items():
            bug = self._hand_out(job, items) or bug
        if bug is not None:
            raise bug  # reaches sys.excepthook, and with it the crash dialog

    def _hand_out(self, job: Job, items: list[Any]) -> Exception | None:
        if job not in self._open:
            return None
        end = items.pop() if isinstance(items[-1], _Ended) else None
        if items and job.progressed is not None:
            job.progressed(items)
        if end is None:
            return None
        self._open.remove(job)
        job.ended(end.outcome)
        return end.bug


def _give_way() -> None:
    """Lower this thread's priority: where all cores are busy, drawing then answers in a third of the time.

    Only Linux has a priority for each thread; threads that this one starts inherit it.
    """
    if sys.platform == "linux":
        lower = min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), lower)


def _by_job(mail: list[tuple[Job, Any]]) -> dict[Job, list[Any]]:
    sorted_mail: dict[Job, list[Any]] = {}
    for job, item in mail:
        sorted_mail.setdefault(job, []).append(item)
    return sorted_mail


def _do(job: Job, post: Callable[[Job, Any], None]) -> _Ended:
    """Step `job` to its end, on the worker's thread; an exception becomes a value."""
    try:
        return _Ended(_pull(job, post))
    except TinyMLError as error:
        cancelled = job.cancelling.is_set()  # then the error only reports the cancel
        return _Ended(JobOutcome(error=None if cancelled else error, cancelled=cancelled))
    except MemoryError:
        return _Ended(JobOutcome(error=TrainingError(_NO_MEMORY)))
    except Exception as bug:  # raised again on the window's thread
        return _Ended(JobOutcome(cancelled=True), bug)


def _pull(job: Job, post: Callable[[Job, Any], None]) -> JobOutcome:
    job.tell = functools.partial(post, job)
    steps = job.make(job.stopping)
    try:
        while True:
            job.going.wait()
            if job.cancelling.is_set():
                return JobOutcome(cancelled=True)
            post(job, next(steps))
    except StopIteration as end:
        return JobOutcome(end.value)
    finally:
        steps.close()
        job.tell = _ignore  # a reference cycle: the job would keep its data until the garbage is collected

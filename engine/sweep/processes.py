"""Do tasks in several processes. Threads would wait for the interpreter's lock: they take half as long again.

Each process gets the images once and then one task after the other. A process that ends unexpectedly (the
system may kill it when memory runs out) costs the runs of its task, which are reported as failed; another
process takes its place.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.errors import TinyMLError
from engine.sweep.description import Run
from engine.sweep.outcome import Event, Failed, Finished
from engine.sweep.tasks import Task

__all__ = ["carried_out", "here", "in_processes"]

PATIENCE = 5.0  # seconds for a process to end by itself


def carried_out(
    tasks: Sequence[Task], data: Dataset, test: Dataset | None, processes: int
) -> Generator[Event, None, None]:
    """Do `tasks` in so many processes, a single one of which is this one."""
    return here(tasks, data, test) if processes == 1 else in_processes(tasks, data, test, processes)


def here(tasks: Iterable[Task], data: Dataset, test: Dataset | None) -> Generator[Event, None, None]:
    """Do `tasks` in this process, one after the other."""
    with threadpool_limits(1, "blas"):
        for task in tasks:
            yield from _events(task, data, test)


def _events(task: Task, data: Dataset, test: Dataset | None) -> Iterator[Event]:
    """Yield the events of a task; a fault becomes `Failed` for each run that did not end before."""
    left = {run.number: run for run in task.runs}
    try:
        for event in task.events(data, test):
            if isinstance(event, Finished):
                del left[event.trained.run.number]
            yield event
    except TinyMLError as error:
        yield from _failed(left.values(), str(error))
    except MemoryError:
        yield from _failed(
            left.values(), "there was not enough memory; use smaller networks or fewer processes."
        )
    except Exception as error:
        yield from _failed(left.values(), f"internal error ({type(error).__name__}: {error}).")


def _failed(runs: Iterable[Run], sentence: str) -> Iterator[Event]:
    return (Failed(run, sentence) for run in runs)


def in_processes(
    tasks: Sequence[Task], data: Dataset, test: Dataset | None, processes: int
) -> Generator[Event, None, None]:
    """Do `tasks` in so many processes; closing the generator ends them at once."""
    waiting = deque(tasks)
    workers = [_Worker(data, test) for _ in range(min(processes, len(tasks)))]
    try:
        for worker in workers:
            worker.start(waiting.popleft())
        while busy := [worker for worker in workers if worker.task is not None]:
            for ready in wait([worker.connection for worker in busy]):
                worker = next(worker for worker in busy if worker.connection is ready)
                yield from worker.receive()
                if worker.task is None and waiting:
                    worker.start(waiting.popleft())
    finally:
        for worker in workers:
            worker.close()


@dataclass(frozen=True)
class _Done:
    """A process has finished its task."""


class _Worker:
    """A process, and the task that it does."""

    def __init__(self, data: Dataset, test: Dataset | None) -> None:
        self._images = data, test
        self._left: dict[int, Run] = {}
        self.task: Task | None = None
        self._open()

    def _open(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the window's threads' locks
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="sweep", daemon=True)
        self._process.start()  # does not wait for the images to be read, so several processes start at once
        self._has_images = False
        theirs.close()

    def start(self, task: Task) -> None:
        """Give a task to the process, or to another one if it has ended."""
        self.task, self._left = task, {run.number: run for run in task.runs}
        try:
            self._send(task)
        except OSError:
            self._restart()
            with suppress(OSError):  # if this one ends as well, `receive` will notice
                self._send(task)

    def _send(self, task: Task) -> None:
        if not self._has_images:
            self.connection.send(self._images)
            self._has_images = True
        self.connection.send(task)

    def receive(self) -> Iterator[Event]:
        """Yield what the process has sent; `task` is None after the last event of a task."""
        try:
            event: Any = self.connection.recv()
        except (EOFError, OSError):
            yield from _failed(
                self._left.values(), "its process ended unexpectedly; memory may have run out."
            )
            self.task = None
            self._restart()
            return
        if isinstance(event, _Done):
            self.task = None
            return
        if isinstance(event, Finished):
            del self._left[event.trained.run.number]
        elif isinstance(event, Failed):
            del self._left[event.run.number]
        yield event

    def _restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        """End the process: at once if it is at work, which nobody waits for any more."""
        self.connection.close()
        if self.task is not None:
            self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _serve(connection: Connection) -> None:
    """Receive the images, then do tasks until the other side closes the connection or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        data, test = connection.recv()
        while True:
            for event in here([connection.recv()], data, test):
                connection.send(event)
            connection.send(_Done())
    except (EOFError, OSError):
        return

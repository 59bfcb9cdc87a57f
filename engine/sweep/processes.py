"""Do tasks in several processes. Threads would wait for the interpreter's lock: they take half as long again.

Each process gets the images once and then one task after the other. The next task is asked for when a process
is free. By then whoever consumes the events has seen all of them, so a search can choose what to try next.
A process waits when its events are not asked for, so whoever stops asking pauses the work.
A process that ends unexpectedly (the system may kill it when memory runs out) costs the runs of its task,
which are reported as failed; another process takes its place.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset
from engine.errors import TinyMLError
from engine.sweep.description import Run
from engine.sweep.outcome import Event, Failed, Finished
from engine.sweep.tasks import Task
from engine.workers import CONTEXT, leave_signals, safe_start

__all__ = ["carried_out", "here", "in_processes"]

PATIENCE = 5.0  # seconds for a process to end by itself
AHEAD = 4  # events that a process may be ahead of their consumer: enough that it need not wait for a busy one


def carried_out(
    tasks: Iterable[Task],
    data: Dataset,
    test: Dataset | None,
    processes: int,
    unwanted: Collection[int] = (),
) -> Generator[Event, None, None]:
    """Do `tasks` in so many processes, a single one of which is this one.

    Parameters
    ----------
    tasks : iterable of Task
        The next one is asked for when a process is free.
    data : Dataset
    test : Dataset or None
    processes : int
    unwanted : collection of int
        Numbers of runs that are to end without a result. It is looked at after each event, and may grow.
    """
    if processes == 1:
        return here(tasks, data, test, unwanted)
    return in_processes(tasks, data, test, processes, unwanted)


def here(
    tasks: Iterable[Task], data: Dataset, test: Dataset | None, unwanted: Collection[int] = ()
) -> Generator[Event, None, None]:
    """Do `tasks` in this process, one after the other."""
    for task in tasks:
        with threadpool_limits(1, "blas"), closing(_events(task, data, test)) as events:
            for event in events:
                yield event
                if _is_unwanted(task, unwanted):
                    break


def _is_unwanted(task: Task, unwanted: Collection[int]) -> bool:
    return bool(unwanted) and all(run.number in unwanted for run in task.runs)


def _events(task: Task, data: Dataset, test: Dataset | None) -> Generator[Event, None, None]:
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
    tasks: Iterable[Task],
    data: Dataset,
    test: Dataset | None,
    processes: int,
    unwanted: Collection[int] = (),
) -> Generator[Event, None, None]:
    """Do `tasks` in so many processes; closing the generator ends them at once."""
    waiting = iter(tasks)
    first = list(itertools.islice(waiting, processes))
    workers = [_Worker(data, test) for _ in first]
    try:
        for worker, task in zip(workers, first, strict=True):
            worker.start(task)
        while busy := [worker for worker in workers if worker.task is not None]:
            for ready in wait([worker.connection for worker in busy]):
                worker = next(worker for worker in busy if worker.connection is ready)
                yield from worker.receive()
                if worker.task is None:
                    worker.start_next(waiting)
                elif _is_unwanted(worker.task, unwanted):
                    worker.give_up()
                else:
                    worker.go_on()
    finally:
        for worker in workers:
            worker.close()


@dataclass(frozen=True)
class _Done:
    """A process has finished its task."""


@dataclass(frozen=True)
class _GiveUp:
    """Nobody wants the rest of the task any more."""


@dataclass(frozen=True)
class _GoOn:
    """One more event has been consumed."""


class _Worker:
    """A process, and the task that it does."""

    def __init__(self, data: Dataset, test: Dataset | None) -> None:
        self._images = data, test
        self._left: dict[int, Run] = {}
        self._is_given_up = False
        self.task: Task | None = None
        self._open()

    def _open(self) -> None:
        self.connection, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(theirs,), name="sweep", daemon=True)
        with safe_start():
            self._process.start()  # does not wait for the images to be read, so several start at once
        self._has_images = False
        theirs.close()

    def start_next(self, tasks: Iterator[Task]) -> None:
        """Give the next task to the process, if there is one."""
        task = next(tasks, None)
        if task is not None:
            self.start(task)

    def start(self, task: Task) -> None:
        """Give a task to the process, or to another one if it has ended."""
        self.task, self._left, self._is_given_up = task, {run.number: run for run in task.runs}, False
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

    def give_up(self) -> None:
        """Tell the process that nobody wants the rest of its task."""
        if not self._is_given_up:
            self._is_given_up = True
            with suppress(OSError):  # if it has ended, `receive` will notice
                self.connection.send(_GiveUp())

    def go_on(self) -> None:
        """Tell the process that an event has been consumed."""
        with suppress(OSError):  # if it has ended, `receive` will notice
            self.connection.send(_GoOn())

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
    leave_signals()
    try:
        data, test = connection.recv()
        while True:
            task = connection.recv()
            if not isinstance(task, (_GiveUp, _GoOn)):  # else it came too late: that task is done
                _serve_task(connection, task, data, test)
                connection.send(_Done())
    except (EOFError, OSError):
        return


def _serve_task(connection: Connection, task: Task, data: Dataset, test: Dataset | None) -> None:
    ahead = 0
    with closing(here([task], data, test)) as events:
        for event in events:
            connection.send(event)
            ahead += 1
            while ahead == AHEAD or connection.poll():
                if isinstance(connection.recv(), _GiveUp):
                    return
                ahead -= 1

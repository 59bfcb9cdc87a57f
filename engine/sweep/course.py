"""What is trained next, and what becomes of the results: the common side of grids and searches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from engine.sweep.columns import Row
from engine.sweep.description import Run
from engine.sweep.outcome import EpochScores, Failed, Finished
from engine.sweep.tasks import Task, tasks_for

__all__ = ["Course", "WholeGrid"]


class Course(Protocol):
    """Decides what is trained.

    Attributes
    ----------
    unwanted : collection of int
        Numbers of runs that are to end without a result; it may grow.
    work : int
        The epochs of single networks that are expected.
    """

    @property
    def unwanted(self) -> Collection[int]: ...

    @property
    def work(self) -> int: ...

    def tasks(self) -> Iterable[Task]:
        """Return the tasks; each is asked for when it can begin."""

    def judge(self, event: EpochScores) -> None:
        """Take note of an epoch."""

    def is_wanted(self, event: Finished | Failed) -> bool:
        """Return whether anybody waits for this result."""

    def measured(self, event: Finished) -> Finished:
        """Return the result as it comes into the table."""

    def ended(self, event: Finished | Failed, row: Row) -> None:
        """Take note of a result, whose `row` is in the table."""


class WholeGrid:
    """All runs of a grid that are left.

    Parameters
    ----------
    runs : sequence of Run
    processes : int
        How many there are to share the work.
    """

    unwanted: Collection[int] = ()

    def __init__(self, runs: Sequence[Run], processes: int) -> None:
        self._runs, self._processes = runs, processes

    @property
    def work(self) -> int:
        return sum(run.config.epochs for run in self._runs)

    def tasks(self) -> Iterable[Task]:
        return tasks_for(self._runs, self._processes)

    def judge(self, event: EpochScores) -> None:
        pass

    def is_wanted(self, event: Finished | Failed) -> bool:
        return True

    def measured(self, event: Finished) -> Finished:
        return event

    def ended(self, event: Finished | Failed, row: Row) -> None:
        pass

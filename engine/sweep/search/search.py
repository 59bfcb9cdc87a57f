"""A search: tasks for processes, each chosen when one is free, by the results so far.

A network that does not fit the board is known by the cost model before it is trained, and refused. Rows of
the table say what has been trained already: settings that come up again, as after a program was killed, get
their result from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from engine.boards.boards import Board
from engine.data.dataset import Dataset
from engine.errors import TinyMLError, TrainingError
from engine.sweep.columns import Row
from engine.sweep.description import Run
from engine.sweep.outcome import BOARD, BoardCost, EpochScores, Failed, Finished, costs_of
from engine.sweep.search.plan import Plan
from engine.sweep.search.space import Space
from engine.sweep.search.study import Proposal, Study
from engine.sweep.tasks import Task, tasks_for

__all__ = ["Search"]

IDLE = 50
UNBUILT = {"network": 1000.0}  # far beyond any limit: settings of which no network can be made

Costs = Mapping[str, BoardCost]


class Search:
    """A search that goes on or begins.

    Parameters
    ----------
    space : Space
    study : Study
    plan : Plan
    data : Dataset
    rows : mapping of str to row
        What has been trained already, by the keys of the runs; it may grow.
    idle : int
        The search ends after so many proposals in a row that give nothing to train.
    clock : callable
        Gives seconds.

    Attributes
    ----------
    unwanted : set of int
        Numbers of runs that are to end, as they are behind.
    refused : int
        How many networks did not fit, or could not be built.
    """

    def __init__(
        self,
        space: Space,
        study: Study,
        plan: Plan,
        data: Dataset,
        rows: Mapping[str, Row],
        idle: int = IDLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._space, self._study, self._plan, self._data, self._rows = space, study, plan, data, rows
        self._idle = idle
        self._clock, self._end = clock, clock() + 60 * plan.minutes
        self._costs: dict[str, Costs] = {}
        self._running: dict[int, tuple[Run, Costs]] = {}
        self._begun = len(rows) + study.pruned
        self._smallest: BoardCost | None = None
        self.unwanted: set[int] = set()
        self.refused = 0

    @property
    def pruned(self) -> int:
        """How many runs were ended, as they were behind."""
        return self._study.pruned

    @property
    def importances(self) -> Mapping[str, Mapping[str, float]]:
        """How much each field matters for each objective."""
        return self._study.importances()

    @property
    def left(self) -> int:
        """How many runs may begin yet."""
        return max(self._plan.trials - self._begun, 0)

    @property
    def work(self) -> int:
        """The epochs of these runs, unless fields of the space change them."""
        return self.left * self._space.recipe.train.epochs

    def tasks(self) -> Iterator[Task]:
        """Yield one task after the other, until enough networks are trained or the time is over.

        Raises
        ------
        TrainingError
            When no network of the space fits the board.
        """
        idle = 0
        while self.left and self._clock() < self._end and idle < self._idle:
            run = self._next_run()
            if run is None:
                idle += 1
                continue
            idle, self._begun = 0, self._begun + 1
            yield from tasks_for([run], 1)
        if self.left and not self._begun:
            raise TrainingError(self._nothing_fits())

    def _next_run(self) -> Run | None:
        """Return the run of the next proposal; None if there is nothing to train about it."""
        proposal = self._study.ask()
        try:
            run = self._space.run(proposal.number, proposal.settings, self._data)
        except TinyMLError:
            self._refuse(proposal, UNBUILT)
            return None
        if row := self._rows.get(run.key):
            self._tell(proposal.number, row)
            return None
        if any(run.key == other.key for other, _ in self._running.values()):
            self._study.fail(proposal.number)
            return None
        costs = self._costs_of(run)
        if self._plan.board is not None and (excess := self._excess(costs["int8"], self._plan.board)):
            self._refuse(proposal, excess)
            return None
        self._running[run.number] = run, costs
        return run

    def _costs_of(self, run: Run) -> Costs:
        if run.key not in self._costs:
            self._costs[run.key] = costs_of(run.model(self._data.classes), self._plan.board or BOARD)
        return self._costs[run.key]

    def _excess(self, cost: BoardCost, board: Board) -> Mapping[str, float]:
        """Return by what share the board's memories are exceeded; empty if the network fits."""
        if not cost.flash >= 0:
            return UNBUILT
        if self._smallest is None or cost.flash < self._smallest.flash:
            self._smallest = cost
        shares = {"flash": cost.flash / board.flash_bytes - 1, "ram": cost.ram / board.ram_bytes - 1}
        return shares if max(shares.values()) > 0 else {}

    def _refuse(self, proposal: Proposal, excess: Mapping[str, float]) -> None:
        self.refused += 1
        self._study.refuse(proposal.number, excess)

    def judge(self, event: EpochScores) -> None:
        """Take note of an epoch: runs that are behind become unwanted."""
        if not self._plan.halving or event.epoch == event.epochs:
            return
        for number, accuracy in event.accuracies.items():
            if number in self._running and self._study.is_behind(number, event.epoch, accuracy):
                del self._running[number]
                self.unwanted.add(number)

    def measured(self, event: Finished) -> Finished:
        """Return `event` with what the network takes on the board of the search."""
        return replace(event, costs=self._running[event.trained.run.number][1])

    def ended(self, event: Finished | Failed, row: Row) -> None:
        """Take note of a run that has ended; its `row` has been kept."""
        run = event.run if isinstance(event, Failed) else event.trained.run
        del self._running[run.number]
        if isinstance(event, Failed):
            self._study.fail(run.number)
        else:
            self._tell(run.number, row)

    def is_wanted(self, event: Finished | Failed) -> bool:
        """Return whether the result is waited for; a run may end just when it is given up."""
        run = event.run if isinstance(event, Failed) else event.trained.run
        return run.number in self._running

    def _tell(self, number: int, row: Row) -> None:
        values = [aim.of(row) for aim in self._plan.objectives]
        self._study.tell(number, values)

    def _nothing_fits(self) -> str:
        board, smallest = self._plan.board, self._smallest
        if board is None or smallest is None:
            return (
                f"None of the first {self.refused} networks of {self._space.name} can be built or trained; "
                "change the values of the grid."
            )
        return (
            f"None of the first {self.refused} networks of {self._space.name} fits {board.title}: the one "
            f"with the least flash takes {smallest.flash:,.0f} of {board.flash_bytes:,} bytes and "
            f"{smallest.ram:,.0f} of {board.ram_bytes:,} bytes of RAM; search smaller ones or take another "
            "board."
        )

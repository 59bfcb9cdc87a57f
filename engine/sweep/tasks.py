"""Divide runs into tasks, each of which one process does by itself.

Runs that can train together become stacks, one for each process. Any other run is a task of its own. Tasks
are in the order of the runs, so an interrupted sweep has finished the first seeds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.data.dataset import Dataset
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.sweep.description import Run
from engine.sweep.outcome import REPORTED, Advanced, EpochScores, Event, Score, Trained, finished
from engine.sweep.stack_training import StackTask, stack_key
from engine.sweep.stacks.chain import chain_of
from engine.sweep.stacks.packing import shares
from engine.training.evaluate import Evaluator
from engine.training.events import BatchDone, EpochDone, Reason
from engine.training.events import Finished as RunFinished
from engine.training.images import LabelledImages
from engine.training.trainer import Trainer, divided

__all__ = ["SingleTask", "Task", "tasks_for"]

LARGEST = 20_000_000  # parameters that train together: 80 MB, and as much again while networks leave


class Task(Protocol):
    """Work for one process; it is sent there, so it holds no images."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that it trains."""

    def events(self, data: Dataset, test: Dataset | None) -> Iterator[Event]:
        """Train on `data`, measure on `test`, and yield what happens; a run ends with `Finished`."""


@dataclass(frozen=True)
class SingleTask:
    """A run that trains alone."""

    runs: tuple[Run, ...]

    def events(self, data: Dataset, test: Dataset | None) -> Iterator[Event]:
        for run in self.runs:
            yield from _train(run, data, test)


def _train(run: Run, data: Dataset, test: Dataset | None) -> Iterator[Event]:
    trainer, seconds = Trainer(run.model(data.classes), data, run.config), 0.0
    events, steps = trainer.run(), trainer.steps_per_epoch
    ended: RunFinished | None = None
    while ended is None:
        start = time.perf_counter()
        event = next(events)
        match event:
            case BatchDone():
                seconds += time.perf_counter() - start
                if event.step % REPORTED == 0:
                    yield Advanced(REPORTED / steps)
            case EpochDone():
                yield EpochScores(event.epoch, event.epochs, {run.number: event.validation_accuracy})
            case RunFinished():
                ended = event
    yield finished(_result(run, ended, seconds, data, test), test or data)


def _result(run: Run, ended: RunFinished, seconds: float, data: Dataset, test: Dataset | None) -> Trained:
    model, epochs = ended.model, len(ended.model.record.history or ())
    if ended.reason is Reason.DIVERGED:
        return Trained(run, model.params, ended.reason, epochs, seconds, Score(), Score())
    held = data.subset(divided(data, run.config).validation) if run.config.validation else None
    return Trained(
        run, model.params, ended.reason, epochs, seconds, _score(run, model, held), _score(run, model, test)
    )


def _score(run: Run, model: Model, data: Dataset | None) -> Score:
    if data is None:
        return Score()
    evaluator = Evaluator(run.spec, LOSSES[run.config.loss])
    found = evaluator.run(model.params, LabelledImages(data.images, data.labels))
    return Score.of(found.loss, found.predictions, data.labels, len(data.classes))


def tasks_for(runs: Sequence[Run], processes: int) -> list[Task]:
    """Return the tasks for `runs`: stacks are cut into one part for each of `processes`."""
    groups: dict[object, list[Run]] = {}
    for run in runs:
        groups.setdefault(stack_key(run) or run.number, []).append(run)
    return [task for group in groups.values() for task in _tasks(group, processes)]


def _tasks(runs: list[Run], processes: int) -> Iterator[Task]:
    """Yield the tasks for runs that can train together, or for a single one that cannot."""
    chains = [chain for run in runs if (chain := chain_of(run.spec)) is not None]
    if stack_key(runs[0]) is None:
        yield SingleTask(tuple(runs))
        return
    for bundle in _bundles([chain.parameters for chain in chains]):
        for part in shares([chains[i] for i in bundle], processes):
            yield StackTask(tuple(runs[bundle[i]] for i in part))


def _bundles(sizes: Sequence[int]) -> list[list[int]]:
    """Divide things of these sizes, in order, into as few bundles of at most `LARGEST` as possible."""
    bundles: list[list[int]] = [[]]
    total = 0
    for number, size in enumerate(sizes):
        if bundles[-1] and total + size > LARGEST:
            bundles.append([])
            total = 0
        bundles[-1].append(number)
        total += size
    return bundles

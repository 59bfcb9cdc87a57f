"""Train networks together from the first epoch to the last, as `engine.training.trainer` trains one.

The same seed holds the same images aside and shows the others in the same order. Networks that stop early or
diverge leave the stack after the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset
from engine.sweep.description import Run
from engine.sweep.outcome import REPORTED, Advanced, EpochScores, Event, Score, Trained, finished
from engine.sweep.stacks.chain import Chain, chain_of
from engine.sweep.stacks.packing import side_class
from engine.sweep.stacks.stack import Stack, StackedNetwork, loss_sums
from engine.training.config import TrainConfig
from engine.training.events import Reason
from engine.training.parts import EarlyStopping, EpochOrder
from engine.training.schedules import SCHEDULES
from engine.training.trainer import divided

__all__ = ["StackTask", "stack_key"]

PLAIN = TrainConfig()
FREE = (
    "epochs",
    "batch_size",
    "learning_rate",
    "schedule",
    "momentum",
    "validation",
    "patience",
    "seed",
    "threads",
)
"""The settings that a stack can have; it needs all others as they are in `PLAIN`."""


def stack_key(run: Run) -> tuple[object, ...] | None:
    """Return a key that is the same for runs that can train together; None for a run that cannot."""
    chain = chain_of(run.spec)
    kept = {name: getattr(run.config, name) for name in FREE}
    if chain is None or run.config != replace(PLAIN, **kept):
        return None
    common = replace(run.config, learning_rate=PLAIN.learning_rate, threads=PLAIN.threads)
    return common, chain.activation.name, run.spec.input_shape, chain.classes, side_class(chain)


class _Member:
    """A network of a stack: its run, and what is known of it so far."""

    def __init__(self, run: Run) -> None:
        chain = chain_of(run.spec)
        assert chain is not None
        self.run = run
        self.chain: Chain = chain
        self.params = run.params()
        self.velocity = np.zeros_like(self.params) if run.config.momentum else None
        self.early = EarlyStopping(run.config.patience, self.params)
        self.epochs = 0
        self.seconds = 0.0
        self.reason: Reason | None = None
        self.validation = Score()
        self._best = Score()

    def stacked(self) -> StackedNetwork:
        """Return the network as it is now."""
        return StackedNetwork(self.chain, self.params, self.run.config.learning_rate, self.velocity)

    def judge(self, epoch: int, score: Score) -> None:
        """Take note of an epoch; `reason` is then why the run ends with it, None if it goes on."""
        config = self.run.config
        self.epochs, self.validation = epoch, score
        if not self._best.loss <= score.loss:
            self._best = score
        last = epoch == config.epochs
        self.reason = self.early.judge(score.loss, last) or (Reason.COMPLETED if last else None)
        if self.reason and config.patience:
            self.validation = self._best  # the parameters are those of that epoch again

    def diverge(self, epoch: int) -> None:
        """Take note of an epoch in which the network diverged."""
        self.params[...] = 0
        self.epochs, self.validation, self.reason = epoch, Score(), Reason.DIVERGED

    def trained(self, test: Score) -> Trained:
        """Return the result, with the score on test images."""
        assert self.reason is not None
        return Trained(self.run, self.params, self.reason, self.epochs, self.seconds, self.validation, test)


@dataclass(frozen=True)
class StackTask:
    """Runs with one `stack_key`, which train together in one process."""

    runs: tuple[Run, ...]

    def events(self, data: Dataset, test: Dataset | None) -> Iterator[Event]:
        """Train and measure all networks.

        Parameters
        ----------
        data : Dataset
            Training images, of which a part is held aside as configured.
        test : Dataset or None
        """
        training = _Training([_Member(run) for run in self.runs], data, test)
        yield from training.events()


class _Training:
    """The training of a stack."""

    def __init__(self, members: list[_Member], data: Dataset, test: Dataset | None) -> None:
        self._members = members
        self._config = config = members[0].run.config
        self._data, self._test = data, test
        division = divided(data, config)
        self._held = division.validation
        self._order = EpochOrder(division.training, division.shuffle)
        self._steps = len(division.training) // config.batch_size
        self._factor = 1.0  # of the last step's rate; velocities are 0 before the first step

    def events(self) -> Iterator[Event]:
        """Train until no network is left."""
        epochs = self._config.epochs
        stack = self._stack(self._members)
        for epoch in range(1, epochs + 1):
            yield from self._epoch(stack, epoch)
            self._take_note(stack, epoch)
            yield EpochScores(epoch, epochs, {m.run.number: m.validation.accuracy for m in self._members})
            leaving = [member for member in self._members if member.reason is not None]
            if leaving:
                self._members = [member for member in self._members if member.reason is None]
                yield from self._measured(leaving)
                if not self._members:
                    return
                stack = self._stack(self._members)

    def _stack(self, members: Sequence[_Member]) -> Stack:
        return Stack([member.stacked() for member in members], self._config.batch_size)

    def _epoch(self, stack: Stack, epoch: int) -> Iterator[Event]:
        size, steps, schedule = self._config.batch_size, self._steps, SCHEDULES[self._config.schedule]
        order, labels, count = self._order.shuffled(), self._data.labels, len(self._members)
        total, before = steps * self._config.epochs, (epoch - 1) * steps
        seconds, start = 0.0, time.perf_counter()
        for step in range(steps):
            chosen = order[step * size : (step + 1) * size]
            factor = schedule((before + step) / total)
            carry = self._config.momentum * factor / self._factor
            stack.step(_picked(self._data, chosen), labels[chosen], factor, carry)
            self._factor = factor
            if (step + 1) % REPORTED == 0 or step + 1 == steps:
                seconds += time.perf_counter() - start
                yield Advanced(count * (step % REPORTED + 1) / steps)
                start = time.perf_counter()
        work = sum(member.chain.macs for member in self._members)
        for member in self._members:
            member.seconds += seconds * member.chain.macs / work

    def _take_note(self, stack: Stack, epoch: int) -> None:
        scores = scored(stack, self._data, self._held)
        for number, (member, score) in enumerate(zip(self._members, scores, strict=True)):
            member.params[...] = stack.params(number)
            member.velocity = stack.velocity(number)
            if number in stack.diverged:
                member.diverge(epoch)
            else:
                member.judge(epoch, score)

    def _measured(self, leaving: list[_Member]) -> Iterator[Event]:
        """Yield the results of networks that end; the best parameters of one that stopped early count."""
        test = self._test
        nothing = [Score()] * len(leaving)
        scores = nothing if test is None else scored(self._stack(leaving), test, np.arange(len(test)))
        for member, score in zip(leaving, scores, strict=True):
            diverged = member.reason is Reason.DIVERGED
            yield finished(member.trained(Score() if diverged else score), test or self._data)


def scored(stack: Stack, data: Dataset, chosen: NDArray[np.integer]) -> list[Score]:
    """Return the score of each network of `stack` on the images of `data` at `chosen`."""
    count, size = len(stack.chains), stack.batch
    labels = data.labels[chosen]
    predicted, losses = np.empty((count, len(chosen)), np.int64), np.zeros(count)
    for start in range(0, len(chosen), size):
        part = slice(start, start + size)
        z = stack.forward(_picked(data, chosen[part]))
        predicted[:, part] = stack.of_networks(z.argmax(axis=2))
        losses += stack.of_networks(loss_sums(z, labels[part]))
    classes = len(data.classes)
    means = losses / max(len(chosen), 1)
    return [Score.of(float(mean), row, labels, classes) for mean, row in zip(means, predicted, strict=True)]


def _picked(data: Dataset, chosen: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Return the images at `chosen` as (n, features), in the order in which networks flatten them."""
    return data.images.take(chosen, axis=0).transpose(0, 1, 3, 2).reshape(len(chosen), -1)

"""Copies of parameters to go back to: the best ones when a run stops early or diverges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.training.checkpoint import Checkpoint
from engine.training.events import Reason
from engine.training.parts.part import Part, Vector

__all__ = ["EarlyStopping", "LastGood"]


class EarlyStopping(Part):
    """Ends a run that no longer improves, and goes back to its best parameters.

    Parameters
    ----------
    patience : int
        The run ends after so many epochs without a lower validation loss; 0 for never.
    shown : ndarray of float32, shape (n,)
        The parameters that are validated.
    """

    def __init__(self, patience: int, shown: Vector) -> None:
        self._patience = patience
        self._shown = shown
        self._best = shown.copy()
        self._lowest = math.inf
        self._since = 0

    @property
    def vectors(self) -> Mapping[str, Vector]:
        return {"best": self._best}

    @property
    def numbers(self) -> Mapping[str, Any]:
        return {"best": self._lowest, "since": self._since}

    def restore(self, run: Checkpoint) -> None:
        super().restore(run)
        self._lowest, self._since = run.position.best, run.position.since

    @property
    def reason(self) -> Reason | None:
        """Why the run must end; None while it may go on."""
        return Reason.EARLY if 0 < self._patience <= self._since else None

    def judge(self, loss: float, last: bool) -> Reason | None:
        """Take note of an epoch's validation loss; return why the run ends with it, None if it goes on."""
        if not self._patience or math.isnan(loss):
            return None
        self._since += 1
        if loss < self._lowest:
            self._lowest, self._since = loss, 0
            self._best[...] = self._shown
        if last or self.reason:
            self._shown[...] = self._best
        return self.reason


class LastGood(Part):
    """The best parameters after an epoch, to go back to when the loss diverges.

    None are taken in the middle of an epoch: while the loss grows, each batch makes the parameters worse,
    although they are still numbers.

    Parameters
    ----------
    shown : ndarray of float32, shape (n,)
        The parameters that are validated.

    Attributes
    ----------
    start, best : ndarray of float32, shape (n,)
        Those that the run began with, or was resumed with, and the best after an epoch.
    epoch : int
        The epoch after which they were the best; 0 before any has ended.
    """

    def __init__(self, shown: Vector) -> None:
        self._shown = shown
        self._lowest = math.inf
        self.start, self.best, self.epoch = shown.copy(), shown.copy(), 0

    def judge(self, epoch: int, loss: float) -> None:
        """Take note of the loss after an epoch."""
        if loss < self._lowest:
            self._lowest, self.epoch = loss, epoch
            self.best[...] = self._shown

    def bring_back(self, epoch: int) -> None:
        """Replace the shown parameters by `best`, or by `start` where `epoch` is 0."""
        self._shown[...] = self.best if epoch else self.start

    def restore(self, run: Checkpoint) -> None:
        self.start[...] = run.vectors["shown"]

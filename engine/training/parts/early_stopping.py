"""Copies of parameters to go back to: the best where a run stops early, the last good ones otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from engine.training.checkpoint import Checkpoint
from engine.training.events import Reason
from engine.training.parts.part import Part, Vector

__all__ = ["EarlyStopping", "LastGood"]

GOOD_EVERY = 20  # batches between copies of the last good parameters


class EarlyStopping(Part):
    """Ends a run that no longer improves, and then brings the best parameters back.

    Parameters
    ----------
    patience : int
        Epochs without a lower validation loss; 0 for any number.
    shown : ndarray of float32
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
        """Why the run is to end; None while it is not."""
        return Reason.EARLY if 0 < self._patience <= self._since else None

    def judge(self, loss: float, last: bool) -> Reason | None:
        """Look at the validation loss of an epoch; return why the run ends with it, if it does."""
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
    """A copy of the shown parameters from before the loss grew beyond all bounds."""

    def __init__(self, shown: Vector) -> None:
        self._shown = shown
        self._good = shown.copy()

    def keep(self, batch: int) -> None:
        """Copy the parameters, now and then."""
        if batch % GOOD_EVERY == 0:
            self._good[...] = self._shown

    def bring_back(self) -> None:
        """Put the copy in place."""
        self._shown[...] = self._good

    def restore(self, run: Checkpoint) -> None:
        self._good[...] = run.vectors["shown"]

"""Averages over batches: of the parameters, and of the statistics of batch norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.training.parts.part import Part, Vector

__all__ = ["AveragedParameters", "RunningStatistics"]

STATISTIC_MEMORY = 0.9  # share of a running statistic that stays when a batch is blended in; as in PyTorch


class RunningStatistics(Part):
    """The running mean and variance of batch norm, which are stored among the parameters.

    Parameters
    ----------
    state, observed : ndarray of float32, shape (n,)
        The running statistics, and the statistics of the last batch.
    """

    def __init__(self, state: Vector, observed: Vector) -> None:
        self._state = state
        self._observed = observed
        self._change = np.empty_like(state)

    def update(self) -> None:
        """Blend the statistics of the last batch into the running ones."""
        if self._change.size:
            np.subtract(self._observed, self._state, out=self._change)
            np.multiply(self._change, np.float32(1 - STATISTIC_MEMORY), out=self._change)
            np.add(self._state, self._change, out=self._state)


class AveragedParameters(Part):
    """The parameters that are shown, validated and kept: a running average, or else the trained ones.

    Parameters
    ----------
    params : ndarray of float32, shape (n,)
        The parameters that are trained.
    averaging : float
        Decay of the exponential moving average; 0 switches averaging off.

    Attributes
    ----------
    shown : ndarray of float32, shape (n,)
        The average; without averaging the array `params` itself.
    """

    def __init__(self, params: Vector, averaging: float) -> None:
        self._params = params
        self._averaging = averaging
        self.shown = params.copy() if averaging else params
        self._change = np.empty_like(params)

    @property
    def vectors(self) -> Mapping[str, Vector]:
        return {"shown": self.shown}

    def blend(self, steps: int) -> None:
        """Blend the parameters into the average, with a smaller decay at first to forget the start."""
        if not self._averaging:
            return
        memory = min(self._averaging, steps / (9 + steps))
        np.subtract(self._params, self.shown, out=self._change)
        np.multiply(self._change, np.float32(1 - memory), out=self._change)
        np.add(self.shown, self._change, out=self.shown)

"""What is averaged over batches: the parameters to show, and the running statistics of batch norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.training.parts.part import Part, Vector

__all__ = ["AveragedParameters", "RunningStatistics"]

STATISTIC_MEMORY = 0.9  # of the running statistics of batch norm, as PyTorch


class RunningStatistics(Part):
    """The running statistics of batch norm; they stand among the parameters.

    Parameters
    ----------
    state, observed : ndarray of float32
        The statistics, and where the last batch's are put.
    """

    def __init__(self, state: Vector, observed: Vector) -> None:
        self._state = state
        self._observed = observed
        self._change = np.empty_like(state)

    def update(self) -> None:
        """Blend in the statistics of the last batch."""
        if self._change.size:
            np.subtract(self._observed, self._state, out=self._change)
            np.multiply(self._change, np.float32(1 - STATISTIC_MEMORY), out=self._change)
            np.add(self._state, self._change, out=self._state)


class AveragedParameters(Part):
    """The parameters to show and to end with: a running average, or without averaging the trained ones.

    Parameters
    ----------
    params : ndarray of float32
        The parameters that are trained.
    averaging : float
        How much the average remembers, 0 for none.

    Attributes
    ----------
    shown : ndarray of float32
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
        """Blend the parameters in. The average forgets faster at first, so that the start fades."""
        if not self._averaging:
            return
        memory = min(self._averaging, steps / (9 + steps))
        np.subtract(self._params, self.shown, out=self._change)
        np.multiply(self._change, np.float32(1 - memory), out=self._change)
        np.add(self.shown, self._change, out=self.shown)

"""From gradients to a step: those of several batches are accumulated, clipped and given to the optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.training.checkpoint import Checkpoint
from engine.training.config import TrainConfig
from engine.training.optimizers import OPTIMIZERS, OptimizerSettings
from engine.training.parts.part import Part, Vector

__all__ = ["GradientStep"]


class GradientStep(Part):
    """Makes steps of the optimizer from the gradients of batches, which it accumulates and then clips.

    Parameters
    ----------
    params, gradient : ndarray of float32, shape (n,)
        The trained parameters, and the gradient of the last batch, which is overwritten.
    decayed : slice
        The parameters that weight decay applies to.
    config : TrainConfig
    """

    def __init__(self, params: Vector, gradient: Vector, decayed: slice, config: TrainConfig) -> None:
        settings = OptimizerSettings(config.momentum, config.nesterov, config.weight_decay, decayed)
        self._step = OPTIMIZERS[config.optimizer].bind(params, gradient, settings)
        self._gradient = gradient
        self._pending = np.zeros_like(gradient)
        self._batches = config.accumulate
        self._clip_norm = config.clip_norm

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._step.steps

    @property
    def vectors(self) -> Mapping[str, Vector]:
        memory = {f"memory{i}": row for i, row in enumerate(self._step.memory)}
        return {**memory, "pending": self._pending}

    @property
    def numbers(self) -> Mapping[str, Any]:
        return {"steps": self._step.steps}

    def restore(self, run: Checkpoint) -> None:
        super().restore(run)
        self._step.steps = run.position.steps

    def take(self, batch: int, rate: float) -> bool:
        """Take a step after batch number `batch` (from 0), unless gradients are still being accumulated.

        Returns
        -------
        bool
            Whether the parameters were changed.
        """
        if self._batches > 1 and not self._gathered(batch):
            return False
        if self._clip_norm:
            self._clip()
        self._step(rate)
        return True

    def _gathered(self, batch: int) -> bool:
        """Add the batch's share to the pending gradient; when that is complete, copy it and return True."""
        np.multiply(self._gradient, np.float32(1 / self._batches), out=self._gradient)
        np.add(self._pending, self._gradient, out=self._pending)
        if (batch + 1) % self._batches:
            return False
        np.copyto(self._gradient, self._pending)
        self._pending[...] = 0
        return True

    def _clip(self) -> None:
        length = math.sqrt(float(np.vdot(self._gradient, self._gradient)))
        if length > self._clip_norm:
            np.multiply(self._gradient, np.float32(self._clip_norm / length), out=self._gradient)

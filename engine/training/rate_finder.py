"""Which learning rate? Raise it step by step through several decades and watch the loss (Smith 2017).

At low rates the loss does not change, at high rates it explodes. A tenth of the rate with the lowest loss is
a good one to train with. A network that is already trained has its lowest loss at low rates; for such a
network the highest rate that does no harm is taken instead.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from engine.data.dataset import Dataset
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.training.config import TrainConfig
from engine.training.events import BatchDone, Diverged
from engine.training.trainer import Trainer

__all__ = ["RatePoint", "calm_loss", "range_test", "suggest_rate"]

LOWEST, HIGHEST = 1e-5, 1.0
MEMORY = 0.9  # of the smoothed loss
EXPLODED = 4.0  # times the lowest loss, or the calm loss if that is larger
CALM = 0.1  # times the loss of a network that gives the same score to all classes


@dataclass(frozen=True)
class RatePoint:
    """The loss at a learning rate, smoothed over the batches before."""

    rate: float
    loss: float


def range_test(
    model: Model, data: Dataset, config: TrainConfig, steps: int = 120
) -> Generator[RatePoint, None, None]:
    """Yield a point per batch until the loss explodes or `steps` are taken; `model` stays as it is.

    Parameters
    ----------
    model : Model
    data : Dataset
    config : TrainConfig
        Optimizer, batch and loss to test with; its own rate and schedule are not used.
    steps : int
    """
    per_epoch = max(len(data) - int(len(data) * config.validation), config.batch_size) // config.batch_size
    epochs = math.ceil(steps / max(per_epoch, 1))
    tested = replace(config, learning_rate=HIGHEST, epochs=epochs, averaging=0.0, patience=0)
    trainer = Trainer(model, data, tested, schedule=lambda progress: (LOWEST / HIGHEST) ** (1 - progress))
    smoothed, weight, lowest = 0.0, 0.0, math.inf
    calm = calm_loss(model, config)
    with closing(trainer.run()) as events:
        for event in events:
            if isinstance(event, Diverged):
                return
            if not isinstance(event, BatchDone):
                continue
            smoothed = MEMORY * smoothed + (1 - MEMORY) * event.loss
            weight = MEMORY * weight + (1 - MEMORY)
            loss = smoothed / weight
            lowest = min(lowest, loss)
            yield RatePoint(event.learning_rate, loss)
            if loss > EXPLODED * max(lowest, calm):
                return


def calm_loss(model: Model, config: TrainConfig) -> float:
    """Return the calm loss: below it a network is trained, and differences are noise of single batches."""
    nothing = np.zeros((len(model.classes), 1), np.float32)
    return CALM * LOSSES[config.loss].compute(nothing, np.zeros(1, np.uint8), None, 1.0)


def suggest_rate(points: list[RatePoint], calm: float = 0.0) -> float:
    """Return a tenth of the highest rate whose loss is the lowest or below `calm`, rounded to one digit."""
    enough = max(calm, min(point.loss for point in points))
    best = max(point.rate for point in points if point.loss <= enough) / 10
    return float(f"{best:.0e}")

"""Which learning rate? Raise it step by step through several decades and watch the loss (Smith 2017).

Below some rate nothing happens, above another the loss explodes; a tenth of the rate with the lowest loss is
a good one to train with.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace

from engine.config import TrainConfig
from engine.data.dataset import Dataset
from engine.events import BatchDone, Diverged
from engine.model import Model
from engine.train import Trainer

__all__ = ["RatePoint", "range_test", "suggest_rate"]

LOWEST, HIGHEST = 1e-5, 1.0
MEMORY = 0.9  # of the smoothed loss
EXPLODED = 4.0  # times the lowest loss


@dataclass(frozen=True)
class RatePoint:
    """The loss, smoothed over the batches before, that was seen when stepping with `rate`."""

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
            if loss > EXPLODED * lowest:
                return


def suggest_rate(points: list[RatePoint]) -> float:
    """Return a tenth of the rate with the lowest loss, rounded to one digit."""
    best = min(points, key=lambda point: point.loss).rate / 10
    decade = 10.0 ** math.floor(math.log10(best))
    return round(best / decade) * decade

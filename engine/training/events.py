"""What happens during training, as frozen values that may cross threads."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

from engine.nn.model import Model
from engine.record import EpochDone

__all__ = ["BatchDone", "Diverged", "EpochDone", "Event", "Finished", "Learning", "Reason"]

_NOT_LEARNING = "It is not learning: try another learning rate, as a rule a smaller one."
_LIKE_CHANCE = 1.5  # times the share that guessing gets right
_FALLEN = 0.97  # of the first loss: what falls less does not count


@dataclass(frozen=True)
class BatchDone:
    """A step was taken. Loss and accuracy are of this batch; seconds are of work, pauses left out."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    learning_rate: float
    images_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Diverged:
    """The loss is no longer a usable number; the last good parameters were restored."""

    epoch: int
    step: int
    loss: float
    advice: str = "The loss grew beyond all bounds. Try a learning rate ten times smaller."


class Reason(enum.Enum):
    """Why a run ended."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    EARLY = "no further improvement"
    DIVERGED = "diverged"


@dataclass(frozen=True)
class Finished:
    """The run is over."""

    reason: Reason
    model: Model


Event = BatchDone | EpochDone | Diverged | Finished


class Learning:
    """Watches whether a run learns anything.

    Parameters
    ----------
    classes : int
        Of the data; where it is 0 nothing can be told from guessing.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._first_loss = math.nan

    def begin(self, event: BatchDone) -> None:
        """Look at a batch; the first one counts."""
        if math.isnan(self._first_loss):
            self._first_loss = event.loss

    def hint(self, done: EpochDone) -> str:
        """Return what to do where an epoch brought nothing; else empty.

        Then answers are as good as chance, and the loss is that of the first batch.
        """
        like_chance = self._classes and done.train_accuracy <= _LIKE_CHANCE / self._classes
        return _NOT_LEARNING if like_chance and done.train_loss > _FALLEN * self._first_loss else ""

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
    """A batch is done. Loss and accuracy are of this batch; times leave out the pauses between batches."""

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
    """The loss became too large or not a number; the best parameters so far were brought back.

    Attributes
    ----------
    epoch, step : int
        When it happened, from 1 on.
    loss : float
    good_epoch : int
        These parameters are those after this epoch; 0 for those that the run began with.
    good_accuracy : float
        Share of the images of this kind that they classify correctly.
    judged_on : str
        ``validation``, or ``training`` if no images are set aside for validation.
    advice : str
    """

    epoch: int
    step: int
    loss: float
    good_epoch: int = 0
    good_accuracy: float = math.nan
    judged_on: str = "validation"
    advice: str = "The loss grew beyond all bounds. Try a learning rate ten times smaller."

    @property
    def kept(self) -> str:
        """Which parameters were brought back, in one sentence."""
        which = f"after epoch {self.good_epoch}" if self.good_epoch else "that the run began with"
        if math.isnan(self.good_accuracy):
            return f"The parameters {which} were kept."
        accuracy = f"{100 * self.good_accuracy:.1f} % on {self.judged_on} images"
        return f"The parameters {which} were kept; their accuracy is {accuracy}."


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
        Number of classes of the data; 0 if it is not known, then there are no hints.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._first_loss = math.nan

    def begin(self, event: BatchDone) -> None:
        """Take note of a batch; only the first one matters."""
        if math.isnan(self._first_loss):
            self._first_loss = event.loss

    def hint(self, done: EpochDone) -> str:
        """Return advice if nothing was learned in an epoch, else an empty text.

        Nothing was learned if the accuracy is about that of guessing and the loss about that of the first
        batch.
        """
        like_chance = self._classes and done.train_accuracy <= _LIKE_CHANCE / self._classes
        return _NOT_LEARNING if like_chance and done.train_loss > _FALLEN * self._first_loss else ""

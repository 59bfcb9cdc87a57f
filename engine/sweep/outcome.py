"""What comes out of runs: events that may cross processes, and the figures of a network that was trained."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.boards.boards import BOARDS, Board
from engine.cost.estimate import estimate
from engine.data.dataset import Dataset
from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.record import Metrics, TrainingRecord
from engine.sweep.description import Run
from engine.training.events import Reason
from engine.training.metrics import confusion_matrix, precision_recall

__all__ = [
    "BOARD",
    "REPORTED",
    "Advanced",
    "BoardCost",
    "EpochScores",
    "Event",
    "Failed",
    "Finished",
    "Score",
    "Trained",
    "costs_of",
    "finished",
]

BOARD = BOARDS["nano-33-ble"]
FORMATS: Mapping[str, str] = {"float32": "c-float32", "int8": "c-int8"}
TIMED = 20  # predictions of one image
REPORTED = 25  # training steps between two events `Advanced`


@dataclass(frozen=True)
class Score:
    """The result on a set of images; nan where there are none.

    Attributes
    ----------
    loss, accuracy : float
    balanced : float
        Mean over the classes of the share of their images that is classified correctly.
    images : int
    """

    loss: float = math.nan
    accuracy: float = math.nan
    balanced: float = math.nan
    images: int = 0

    @classmethod
    def of(cls, loss: float, predicted: NDArray[np.int64], labels: NDArray[np.uint8], classes: int) -> Score:
        """Return the score of predictions with a mean `loss`."""
        if not len(labels):
            return cls()
        confusion = confusion_matrix(predicted, labels, classes)
        _, recall = precision_recall(confusion)
        present = confusion.sum(axis=1) > 0
        accuracy = np.diagonal(confusion).sum() / len(labels)
        return cls(loss, float(accuracy), float(recall[present].mean()), len(labels))


@dataclass(frozen=True)
class Trained:
    """A run that ended, before its network is measured.

    Attributes
    ----------
    run : Run
    params : ndarray of float32
    reason : Reason
    epochs : int
        Epochs that were trained.
    seconds : float
        Time of the training steps; of networks that train together, each one's share of it by its
        multiply-accumulates.
    validation, test : Score
    """

    run: Run
    params: NDArray[np.float32]
    reason: Reason
    epochs: int
    seconds: float
    validation: Score
    test: Score

    def model(self, data: Dataset) -> Model:
        """Return the network with its parameters, and how they were trained on `data`, to be kept."""
        measured = self.test if self.test.images else self.validation
        metrics = Metrics(
            data=data.name, images=measured.images, accuracy=measured.accuracy, loss=measured.loss
        )
        config, reason = self.run.config, self.reason.value
        record = TrainingRecord(
            data=data.name, config=config.to_json(), threads=config.threads, reason=reason, metrics=metrics
        )
        return self.run.model(data.classes, self.params).replace(record=record)


@dataclass(frozen=True)
class BoardCost:
    """What a network takes on the board, in bytes and instructions; nan if it cannot be expressed."""

    flash: float = math.nan
    ram: float = math.nan
    instructions: float = math.nan


@dataclass(frozen=True)
class Finished:
    """A run with all its figures.

    Attributes
    ----------
    trained : Trained
    prediction : float
        Seconds to classify one image on this machine, the median of a few.
    costs : mapping of str to BoardCost
        By the type of numbers, float32 and int8.
    """

    trained: Trained
    prediction: float
    costs: Mapping[str, BoardCost]


@dataclass(frozen=True)
class Failed:
    """A run that gave no network: `sentence` says why."""

    run: Run
    sentence: str


@dataclass(frozen=True)
class Advanced:
    """So many more epochs of single networks are done, as a fraction."""

    epochs: float


@dataclass(frozen=True)
class EpochScores:
    """The validation accuracies of networks after an epoch, by the numbers of their runs."""

    epoch: int
    epochs: int
    accuracies: Mapping[int, float]


Event = Advanced | EpochScores | Finished | Failed


def finished(trained: Trained, images: Dataset) -> Finished:
    """Measure the network of `trained`; `images` are there to be predicted."""
    model = trained.run.model(images.classes, trained.params)
    return Finished(trained, _prediction(model, images), costs_of(model))


def costs_of(model: Model, board: Board = BOARD) -> Mapping[str, BoardCost]:
    """Return what `model`, trained or not, takes on `board`, by the type of numbers."""
    return {numbers: _cost(model, name, board) for numbers, name in FORMATS.items()}


def _prediction(model: Model, images: Dataset) -> float:
    predictor, times = Predictor(model), []
    for start in range(TIMED):
        image = images.images[start % len(images) :][:1]
        before = time.perf_counter()
        predictor.logits(image)
        times.append(time.perf_counter() - before)
    return float(np.median(times))


def _cost(model: Model, format_name: str, board: Board) -> BoardCost:
    try:
        cost = estimate(model, format_name, board)
    except TinyMLError:
        return BoardCost()
    return BoardCost(cost.flash.value, cost.ram.value, cost.instructions.value)

"""Accuracy in float and int8 for all places that show it, and the images on which the two differ."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.data.catalogue import may_have_seen
from engine.nn.model import Model
from tinyml_gui.viewmodels.quantities import duration_words, percent
from tinyml_gui.viewmodels.starts import data_title, trained_on

__all__ = [
    "UNTRAINED_WORDS",
    "Accuracies",
    "Activity",
    "Flip",
    "Flips",
    "Said",
    "Tuning",
    "accuracies",
    "flips_sentence",
    "loss_sentence",
    "measured",
    "measured_images",
    "summary",
    "test_accuracy",
    "tested_on",
]


class Activity(enum.Enum):
    """What is being done to bring a model to int8."""

    NONE = ""
    CALIBRATING = "Calibrating int8…"
    COMPARING = "Comparing int8 with float…"
    TUNING = "Fine-tuning for int8…"


_ACCURACY: Final = "accuracy"
_FLOAT: Final = "float_accuracy"
_IMAGES: Final = "images"
_MANY: Final = 10**9  # a limit, since a file may hold any number
_NAME_LENGTH: Final = 40
_SEEN: Final = " – most of these images were in its training"
UNTRAINED_WORDS: Final = "The network is not trained: its answers are random."
_NOISE: Final = 0.0005  # of the accuracy: too little to be measured on these sets


@dataclass(frozen=True)
class Accuracies:
    """What share of test images is classified correctly; nan where it was not measured.

    Attributes
    ----------
    in_float, in_int8 : float
        0 … 1, on the same images where both are known.
    words : str
        What they were measured on.
    """

    in_float: float = math.nan
    in_int8: float = math.nan
    words: str = ""

    @property
    def int8_words(self) -> str:
        """The accuracy in int8; empty where it is not known."""
        return "" if math.isnan(self.in_int8) else percent(self.in_int8)

    @property
    def lost(self) -> float:
        """What int8 costs; nan where unknown."""
        return self.in_float - self.in_int8


def accuracies(model: Model) -> Accuracies:
    """Return what a page's head says of `model`; int8 only where float was measured on the same images."""
    recorded, pair = test_accuracy(model), measured(model)
    if math.isnan(recorded):
        return pair
    on = model.record.metrics
    comparable = measured_images(model) in {0, 0 if on is None else on.images or 0}
    return Accuracies(recorded, pair.in_int8 if comparable else math.nan, tested_on(model))


def measured(model: Model) -> Accuracies:
    """Return what was measured of `model` in float and int8 on the same images."""
    found = _metrics(model)
    count = _images(found)
    words = f"on {count:,} test images" if count else "on test images"
    return Accuracies(_share(found, _FLOAT), _share(found, _ACCURACY), words)


def measured_images(model: Model) -> int:
    """Return on how many images `model` was measured in int8."""
    return _images(_metrics(model))


def test_accuracy(model: Model) -> float:
    """Return the accuracy on test images that the model's record holds; nan where it holds none."""
    metrics = model.record.metrics
    return math.nan if metrics is None or metrics.accuracy is None else float(metrics.accuracy)


def tested_on(model: Model) -> str:
    """Return in a few words what the test accuracy was measured on."""
    metrics = model.record.metrics
    if metrics is not None and metrics.data and 0 < (metrics.images or 0) < _MANY:
        seen = _SEEN if may_have_seen(trained_on(model), metrics.data) else ""
        return f"on {metrics.images:,} test images of {data_title(metrics.data)[:_NAME_LENGTH]}{seen}"
    return "on test images"


def _metrics(model: Model) -> Mapping[str, float]:
    return model.quantization.metrics if model.quantization is not None else {}


def _images(metrics: object) -> int:
    found = metrics.get(_IMAGES) if isinstance(metrics, Mapping) else None
    return int(found) if isinstance(found, (int, float)) and 0 < found < _MANY else 0


def _share(metrics: Mapping[str, float], name: str) -> float:
    found = metrics.get(name)
    return float(found) if isinstance(found, (int, float)) and 0 <= found <= 1 else math.nan


@dataclass(frozen=True, eq=False)
class Flip:
    """An image that int8 puts into another class than float does.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, channels)
    truth, in_float, in_int8 : str
        Its class, and what it is taken for.
    """

    image: NDArray[np.uint8]
    truth: str
    in_float: str
    in_int8: str

    @property
    def is_lost(self) -> bool:
        """Whether float is right and int8 wrong."""
        return self.in_float == self.truth

    @property
    def is_won(self) -> bool:
        """Whether int8 is right and float wrong."""
        return self.in_int8 == self.truth

    @property
    def words(self) -> str:
        """What happens to the image."""
        return f"{self.in_float} → {self.in_int8}"

    @property
    def tip(self) -> str:
        """The same in a sentence."""
        return f"This is {self.truth}. In float it is taken for {self.in_float}, in int8 for {self.in_int8}."


@dataclass(frozen=True, eq=False)
class Flips:
    """How many images flip, of how many, and the first of them to look at."""

    images: int = 0
    count: int = 0
    lost: int = 0
    won: int = 0
    shown: tuple[Flip, ...] = ()

    @property
    def neither(self) -> int:
        """How many are wrong both times."""
        return self.count - self.lost - self.won


def flips_sentence(found: Flips) -> str:
    """Say how many images change their class."""
    if not found.count:
        return f"None of {found.images:,} test images changes its class."
    verb = "changes its class" if found.count == 1 else "change their class"
    kinds = {"for the worse": found.lost, "for the better": found.won, "from wrong to wrong": found.neither}
    told = ", ".join(f"{count:,} {how}" for how, count in kinds.items() if count)
    return f"{found.count:,} of {found.images:,} test images {verb}: {told}."


@dataclass(frozen=True)
class Said:
    """A sentence and the role of its label."""

    sentence: str
    role: str


@dataclass(frozen=True)
class Tuning:
    """The accuracies before and after a fine-tuning."""

    before: Accuracies
    after: Accuracies

    @property
    def is_worse(self) -> bool:
        """Whether int8 was more accurate before."""
        return self.after.in_int8 < self.before.in_int8

    @property
    def words(self) -> str:
        """What it has changed."""
        if math.isnan(self.after.in_int8):
            return "Fine-tuned for int8"
        was = f", {percent(self.before.in_int8, 2)} before" if not math.isnan(self.before.in_int8) else ""
        return f"Fine-tuned for int8: {percent(self.after.in_int8, 2)} in int8{was}"


def summary(
    model: Model, activity: Activity, flips: Flips | None, error: str, seconds_left: float = math.nan
) -> Said:
    """Say how accurate the model is in int8, or why that is not known."""
    if error:
        return Said(f"{error[:1].upper()}{error[1:]}", "error")
    if activity is not Activity.NONE:
        left = duration_words(seconds_left)
        return Said(f"{activity.value} {left} left" if left else activity.value, "muted")
    if model.quantization is None:
        return Said("Not brought to int8 yet.", "muted")
    if not model.trained:
        return Said(UNTRAINED_WORDS, "warning")
    known = " ".join(filter(None, (loss_sentence(measured(model)), flips_sentence(flips) if flips else "")))
    return Said(known or "Ready for int8; it was not compared with float on labelled images.", "body")


def loss_sentence(found: Accuracies) -> str:
    """Say what int8 costs; empty where that is not known."""
    if math.isnan(found.lost):
        return ""
    points = 100 * abs(found.lost)
    if abs(found.lost) < _NOISE:
        return "int8 is as accurate as float."
    return f"int8 is {points:.2f} percentage points {'below' if found.lost > 0 else 'above'} float."

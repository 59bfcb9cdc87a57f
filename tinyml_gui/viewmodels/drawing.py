"""What the drawing's side shows: the image that the network sees and how sure it is of each class.

Holds a predictor of its own on a copy of the parameters, so it answers while the trainer writes its
own. Everything that cannot be shown becomes a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.archive import short
from engine.errors import TinyMLError
from engine.model import Model
from engine.preprocess import preprocess

__all__ = ["BAR_COUNT", "Bar", "ClassScore", "Classifier", "DrawingResult", "DrawingViewModel"]

BAR_COUNT: Final = 5  #: bars of a model with many classes
_ALL_BARS: Final = 10  # up to so many classes each has a bar, always in the same place
_SEEN_SHAPE: Final = (28, 28, 1)


class Classifier(Protocol):
    """What is needed of `engine.inference.Predictor`."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) for images (n, 28, 28)."""

    def publish(self, params: NDArray[np.float32]) -> None:
        """Take over a copy of new parameters."""


@dataclass(frozen=True)
class ClassScore:
    """A class and how probable the network holds it."""

    label: str
    probability: float


@dataclass(frozen=True)
class Bar:
    """One row of the chart; an empty label holds the row's place."""

    label: str = ""
    probability: float | None = None
    is_top: bool = False


@dataclass(frozen=True)
class DrawingResult:
    """The answer to one drawing.

    Attributes
    ----------
    seen : array (28, 28) of uint8, or None
        What the network sees, ink bright; None when nothing is drawn.
    scores : tuple of ClassScore
        All classes, most probable first; empty where there is no answer.
    bars : tuple of Bar
        What to show; always the same number for the same model.
    sentence : str
        Why there is no answer; empty where there is one.
    """

    seen: NDArray[np.uint8] | None
    scores: tuple[ClassScore, ...]
    bars: tuple[Bar, ...]
    sentence: str = ""

    @property
    def top(self) -> ClassScore | None:
        """The most probable class."""
        return self.scores[0] if self.scores else None


def _predictor(model: Model) -> Classifier:
    from engine.inference import Predictor

    return Predictor(model)


class DrawingViewModel:
    """Classifies drawings with the current model.

    Parameters
    ----------
    make : callable
        Makes the classifier of a model; tests pass their own.
    """

    def __init__(self, make: Callable[[Model], Classifier] = _predictor) -> None:
        self._make = make
        self._classifier: Classifier | None = None
        self._classes: tuple[str, ...] = ()
        self._fault = "There is no model yet."

    @property
    def bars_note(self) -> str:
        """What the bars leave out; empty where each class has one."""
        count = len(self._classes)
        return f"top {BAR_COUNT} of {count}" if count > _ALL_BARS else ""

    @property
    def hint(self) -> str:
        """What the empty canvas invites to."""
        digits = bool(self._classes) and all(c.isdecimal() for c in self._classes)
        return "Draw a digit here" if digits else "Draw a character here"

    def set_model(self, model: Model) -> None:
        """Classify with `model` from now on."""
        self._classes = tuple(map(short, model.classes))  # a file may call them anything
        self._classifier = None
        try:
            self._fault = _misfit(model)
            if not self._fault:
                self._classifier = self._make(model)
        except TinyMLError as error:
            self._fault = str(error)

    def publish(self, params: NDArray[np.float32]) -> None:
        """Swap in a copy of new parameters of the same model."""
        if self._classifier is not None:
            self._classifier.publish(params)

    def classify(self, ink: NDArray[np.uint8]) -> DrawingResult:
        """Answer the drawing `ink`, (height, width) uint8, ink bright."""
        seen = preprocess(ink)
        if seen is None:
            return DrawingResult(None, (), self._bars(None), self._fault)
        if self._classifier is None:
            return DrawingResult(seen, (), self._bars(None), self._fault)
        try:
            probabilities = self._classifier.probabilities(seen[None])[0]
        except TinyMLError as error:
            return DrawingResult(seen, (), self._bars(None), str(error))
        if not np.all(np.isfinite(probabilities)):
            return DrawingResult(
                seen, (), self._bars(None), "The network's output is not a number; train it anew."
            )
        return DrawingResult(seen, self._scores(probabilities), self._bars(probabilities))

    def _scores(self, probabilities: NDArray[np.float32]) -> tuple[ClassScore, ...]:
        order = np.argsort(-probabilities, kind="stable")
        return tuple(ClassScore(self._classes[i], float(probabilities[i])) for i in order)

    def _bars(self, probabilities: NDArray[np.float32] | None) -> tuple[Bar, ...]:
        """Few classes keep their places; of many, the most probable are listed."""
        few = len(self._classes) <= _ALL_BARS
        if probabilities is None:
            return tuple(map(Bar, self._classes)) if few else (Bar(),) * BAR_COUNT
        order = np.argsort(-probabilities, kind="stable")
        shown = range(len(self._classes)) if few else order[:BAR_COUNT]
        return tuple(Bar(self._classes[i], float(probabilities[i]), bool(i == order[0])) for i in shown)


def _misfit(model: Model) -> str:
    """Say why drawings do not fit `model`; empty where they do."""
    shape = tuple(model.spec.input_shape)
    if shape == _SEEN_SHAPE:
        return ""
    size = "×".join(str(n) for n in shape)
    return f"This model takes {size} input; drawings are 28×28×1, so it cannot classify them."

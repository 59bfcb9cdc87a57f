"""What the drawing panel shows: the image that the network sees and the probability of each class.

It has a predictor of its own with a copy of the parameters, so it can answer while the trainer changes them.
Where there is no answer, a sentence says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.data.preprocess import preprocess
from engine.errors import TinyMLError
from engine.nn.model import Model
from engine.words import short
from tinyml_gui.viewmodels.quantities import percent

if TYPE_CHECKING:
    from engine.quantize.judge import Judge
    from engine.quantize.network import IntegerPredictor

__all__ = ["BAR_COUNT", "Agreement", "Bar", "ClassScore", "Classifier", "DrawingResult", "DrawingViewModel"]

BAR_COUNT: Final = 5  #: bars of a model with many classes
_ALL_BARS: Final = 10  # up to so many classes each has a bar, always in the same place
_SEEN_SHAPE: Final = (28, 28, 1)


class Classifier(Protocol):
    """What is needed of `engine.nn.predictor.Predictor`."""

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, classes) for images (n, 28, 28)."""

    def publish(self, params: NDArray[np.float32]) -> None:
        """Take over a copy of new parameters."""


@dataclass(frozen=True)
class ClassScore:
    """A class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Bar:
    """One row of the chart; with an empty label the row is empty."""

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
    is_sure : bool
        Whether the drawing is enough like the most probable class to be one.
    """

    seen: NDArray[np.uint8] | None
    scores: tuple[ClassScore, ...]
    bars: tuple[Bar, ...]
    sentence: str = ""
    is_sure: bool = True

    @property
    def top(self) -> ClassScore | None:
        """The most probable class."""
        return self.scores[0] if self.scores else None


def _predictor(model: Model) -> Classifier:
    from engine.nn.predictor import Predictor

    return Predictor(model)


def _judge(model: Model) -> Judge | None:
    """Return what says when `model` is not sure; None where that was not calibrated."""
    from engine.quantize.judge import Judge

    return None if model.certainty is None else Judge(model)


def _integer_predictor(model: Model) -> IntegerPredictor:
    from engine.quantize.network import IntegerPredictor

    return IntegerPredictor(model)


@dataclass(frozen=True)
class Agreement:
    """The answer in int8 and whether it is the same class, in a few words."""

    words: str
    agrees: bool


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
        self._quantized: Model | None = None
        self._in_int8: IntegerPredictor | None = None
        self._judge: Judge | None = None

    @property
    def bars_note(self) -> str:
        """How many classes the bars leave out; empty where each class has a bar."""
        count = len(self._classes)
        return f"top {BAR_COUNT} of {count}" if count > _ALL_BARS else ""

    @property
    def hint(self) -> str:
        """The text on the empty canvas."""
        digits = bool(self._classes) and all(c.isdecimal() for c in self._classes)
        return "Draw a digit here" if digits else "Draw a character here"

    def set_model(self, model: Model, fault: str = "") -> None:
        """Classify with `model` from now on; with a `fault`, only say so."""
        self._classes = tuple(map(short, model.classes))  # a file may call them anything
        self._classifier = None
        self._in_int8 = self._judge = None
        self._quantized = None if model.quantization is None else model
        try:
            self._fault = fault or _misfit(model)
            if not self._fault:
                self._classifier = self._make(model)
                self._judge = _judge(model)
        except TinyMLError as error:
            self._fault = str(error)

    def publish(self, params: NDArray[np.float32]) -> None:
        """Swap in a copy of new parameters of the same model; they are not in int8, nor calibrated, yet."""
        self._quantized = self._in_int8 = self._judge = None
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
            probabilities, is_sure = self._answer(seen, self._classifier)
        except TinyMLError as error:
            return DrawingResult(seen, (), self._bars(None), str(error))
        if not np.all(np.isfinite(probabilities)):
            return DrawingResult(
                seen, (), self._bars(None), "The network's output is not a number; train it anew."
            )
        return DrawingResult(seen, self._scores(probabilities), self._bars(probabilities), is_sure=is_sure)

    def _answer(self, seen: NDArray[np.uint8], classifier: Classifier) -> tuple[NDArray[np.float32], bool]:
        if self._judge is None:
            return classifier.probabilities(seen[None])[0], True
        (probabilities,), (verdict,) = self._judge(seen[None])
        return probabilities, bool(verdict >= 0)

    def compare(self, result: DrawingResult) -> Agreement | None:
        """Answer the same drawing in int8; None where the model is not quantized or there is no answer.

        The first comparison of a model costs some 15 ms, so it waits until the pen rests.
        """
        if self._quantized is None or result.seen is None or result.top is None:
            return None
        try:
            if self._in_int8 is None:
                self._in_int8 = _integer_predictor(self._quantized)
            probabilities = self._in_int8.probabilities(result.seen[None])[0]
        except TinyMLError:
            self._quantized = None
            return None
        best = int(probabilities.argmax())
        label, found = self._classes[best], percent(float(probabilities[best]))
        agrees = label == result.top.label
        return Agreement(f"int8: {found}" if agrees else f"int8 says {label}, {found}", agrees)

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

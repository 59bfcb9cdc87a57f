"""Compare the answers of exported code with the engine's; say how they differ in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.export.vectors import TOLERANCE, relative_error
from engine.int8.certainty import REJECTED
from engine.verify.reference import Answers, Reference

__all__ = ["AnswerDifferences", "compare_answers"]


@dataclass(frozen=True)
class AnswerDifferences:
    """How answers differ.

    Attributes
    ----------
    mismatches, class_mismatches : int
        Number of inputs with any difference, and of those with another class.
    worst_error : float
        Largest difference of a number.
    first : int or None
        The first input that differs.
    detail : str
        How that input differs, in words.
    """

    mismatches: int
    class_mismatches: int
    worst_error: float
    first: int | None
    detail: str

    def sentence(self, vectors: int, place: str = "", layer: str = "") -> str:
        """Return the differences in words; empty when there are none.

        Parameters
        ----------
        vectors : int
            Number of inputs that were compared.
        place : str
            Where the code ran; empty to leave it out.
        layer : str
            The first layer that differs; empty to leave it out.
        """
        if self.first is None:
            return ""
        where = f" on {place}" if place else ""
        stage = f", first in layer {layer}" if layer else ""
        return (
            f"The exported C differs on {self.mismatches:,} of {vectors:,} inputs{where}, first on input "
            f"{self.first + 1} ({self.detail}){stage}; please report this with the model."
        )


def compare_answers(reference: Reference, answers: Answers) -> AnswerDifferences:
    """Return how `answers` differ from the outputs of `reference`."""
    numbers = reference.errors(answers.outputs)
    scores = relative_error(answers.scores, reference.probabilities)
    wrong_class = reference.wrong_class(answers.best)
    wrong_numbers = ~reference.acceptable(numbers).all(axis=1) | (scores > TOLERANCE).any(axis=1)
    differs: NDArray[np.bool_] = wrong_numbers | wrong_class
    worst = np.maximum(numbers.max(axis=1), scores.max(axis=1))
    first = int(differs.argmax()) if differs.any() else None
    return AnswerDifferences(
        mismatches=int(differs.sum()),
        class_mismatches=int(wrong_class.sum()),
        worst_error=float(worst.max(initial=0.0)),
        first=first,
        detail="" if first is None else _detail(reference, answers, first, float(worst[first])),
    )


def _detail(reference: Reference, answers: Answers, first: int, error: float) -> str:
    classes = reference.model.classes
    found, expected = (_named(classes, int(n)) for n in (answers.best[first], reference.verdicts[first]))
    return f"class {found} where the engine says {expected}, largest difference {error:.1e}"


def _named(classes: Sequence[str], verdict: int) -> str:
    if verdict == REJECTED:
        return "none"
    return classes[verdict][:40] if 0 <= verdict < len(classes) else f"number {verdict}"

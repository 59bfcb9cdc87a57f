"""Find out how sure a network is of what it knows, so that it can refuse what it does not.

Only images of characters are needed. The winning outputs of a class scatter around their mean; the least
output of a class lies so many standard deviations below, the same number for all classes, that the wanted
share of the images is accepted. The temperature is the one with which the images are likeliest
(C. Guo et al., On calibration of modern neural networks, ICML 2017).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import TrainingError
from engine.int8.certainty import Certainty

__all__ = ["CoveragePoint", "coverage_curve", "fit_certainty"]

_FEWEST = 10  # images of a class whose mean and spread are worth something
_SMALLEST_SPREAD = 1e-6
_STEPS = 60
_GOLDEN = (math.sqrt(5) - 1) / 2
_HOTTEST = math.log(20)
_CURVE = np.linspace(1.0, 0.5, 11)

Outputs = NDArray[np.float32]
Labels = NDArray[np.integer[Any]]


class CoveragePoint(NamedTuple):
    """If so large a share of the images is accepted, so large a share of these is right, 0 … 1."""

    accepted: float
    accuracy: float


def fit_certainty(outputs: Outputs, labels: Labels, accept: float, data: str, softmax: bool) -> Certainty:
    """Return the calibration that accepts a share of the images.

    Parameters
    ----------
    outputs : ndarray of float32, shape (n, classes)
        Of the float network for images that it was not trained with.
    labels : ndarray of integers, shape (n,)
    accept : float
        The share of them to accept at least, 0 … 1.
    data : str
        Where the images are from.
    softmax : bool
        Whether probabilities come from outputs by softmax; otherwise they have no temperature.

    Raises
    ------
    TrainingError
        When there is no image that the network classifies correctly, or outputs are not numbers.
    """
    if not np.isfinite(outputs).all():
        raise TrainingError("Some of the network's outputs are not numbers; train the network again.")
    if not (outputs.argmax(axis=1) == labels).any():
        raise TrainingError("The network is right on none of the images; train it before it is calibrated.")
    means, spreads = _winning_outputs(outputs, labels)
    deviations = np.sort(_deviations(outputs, means, spreads))
    lowest = deviations[math.floor((1 - accept) * len(deviations) + 1e-9)]
    # float32, rounded down: the image that decides is accepted.
    least = np.nextafter((means + lowest * spreads).astype(np.float32), np.float32(-np.inf))
    accepted = float(np.mean(_won(outputs) >= least[outputs.argmax(axis=1)]))
    temperature = _temperature(outputs, labels) if softmax else 1.0
    return Certainty(tuple(least.tolist()), temperature, data, len(labels), accepted)


def coverage_curve(outputs: Outputs, labels: Labels, certainty: Certainty) -> tuple[CoveragePoint, ...]:
    """Return how right the accepted images are where fewer of them are accepted.

    What varies is how far the winning output must lie above the least one of its class.
    """
    best = outputs.argmax(axis=1)
    above = _won(outputs) - certainty.float_least[best]
    surest_first = (best == labels)[np.argsort(-above, kind="stable")]
    counts = [max(1, round(share * len(labels))) for share in _CURVE]
    return tuple(CoveragePoint(count / len(labels), float(surest_first[:count].mean())) for count in counts)


def _won(outputs: Outputs) -> Outputs:
    won: Outputs = outputs.max(axis=1)
    return won


def _winning_outputs(outputs: Outputs, labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each class's winning outputs where they are right, (classes,).

    A class with few images takes those of all classes.
    """
    right = outputs.argmax(axis=1) == labels
    won = _won(outputs).astype(np.float64)
    groups = [won[right & (labels == label)] for label in range(outputs.shape[1])]
    groups = [group if len(group) >= _FEWEST else won[right] for group in groups]
    spreads = [max(float(group.std()), _SMALLEST_SPREAD) for group in groups]
    return np.array([group.mean() for group in groups]), np.array(spreads)


def _deviations(
    outputs: Outputs, means: NDArray[np.float64], spreads: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how many standard deviations each winning output is above the mean of its class, (n,)."""
    best = outputs.argmax(axis=1)
    found: NDArray[np.float64] = (_won(outputs) - means[best]) / spreads[best]
    return found


def _temperature(outputs: Outputs, labels: Labels) -> float:
    """Return the temperature with the least cross-entropy, by golden-section search of its logarithm."""
    low, high = -_HOTTEST, _HOTTEST
    for _ in range(_STEPS):
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if _cross_entropy(outputs, labels, first) < _cross_entropy(outputs, labels, second):
            high = second
        else:
            low = first
    return math.exp((low + high) / 2)


def _cross_entropy(outputs: Outputs, labels: Labels, log_temperature: float) -> float:
    scaled = outputs.astype(np.float64) / math.exp(log_temperature)
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return float(losses.mean())

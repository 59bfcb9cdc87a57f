"""How good a classifier is, from its outputs and the labels; nothing here knows of networks.

Where a ratio is 0 / 0 (a class that never occurs, or is never predicted) it is reported as 0, and the
counts beside it show why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["accuracy", "confusion_matrix", "mean_cross_entropy", "mean_squared_error", "precision_recall"]

Labels = NDArray[np.integer[Any]]
Scores = NDArray[np.float32]


def accuracy(scores: Scores, labels: Labels) -> float:
    """Return the share of images whose highest score is their label's.

    Parameters
    ----------
    scores : ndarray of float32, shape (n, classes)
        Logits or probabilities; of equal highest scores the first counts.
    labels : ndarray of integers, shape (n,)

    Returns
    -------
    float
        0 to 1; 0 for no images.
    """
    _check(scores, labels)
    if len(labels) == 0:
        return 0.0
    return float(np.mean(scores.argmax(axis=1) == labels))


def mean_cross_entropy(logits: Scores, labels: Labels) -> float:
    """Return the mean of −ln softmax(logits)[label], in nats; 0 for no images.

    Computed as logsumexp(z) − z[label] with the highest logit subtracted first, so that it stays
    finite for any finite logits.
    """
    _check(logits, labels)
    if len(labels) == 0:
        return 0.0
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float(np.mean(log_sum - shifted[np.arange(len(labels)), labels], dtype=np.float64))


def mean_squared_error(outputs: Scores, labels: Labels) -> float:
    """Return the mean over images and classes of (output − one-hot)²; 0 for no images."""
    _check(outputs, labels)
    if len(labels) == 0:
        return 0.0
    difference = outputs.copy()
    difference[np.arange(len(labels)), labels] -= 1
    return float(np.mean(difference * difference, dtype=np.float64))


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    predicted, labels : ndarray of integers, shape (n,)
    classes : int

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Rows are the true classes, columns the predicted ones.
    """
    if predicted.shape != labels.shape or labels.ndim != 1:
        raise ValueError(f"{predicted.shape} predictions do not match {labels.shape} labels")
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def precision_recall(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return precision and recall of each class.

    Parameters
    ----------
    confusion : ndarray of int64, shape (classes, classes)
        As made by `confusion_matrix`.

    Returns
    -------
    precision : ndarray of float64, shape (classes,)
        Of what was taken for the class, the share that is; 0 where nothing was.
    recall : ndarray of float64, shape (classes,)
        Of the class's images, the share recognised; 0 where it has none.
    """
    hits = np.diagonal(confusion)
    return _ratio(hits, confusion.sum(axis=0)), _ratio(hits, confusion.sum(axis=1))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(whole), dtype=np.float64), where=whole > 0)


def _check(scores: Scores, labels: Labels) -> None:
    if scores.ndim != 2 or labels.ndim != 1 or len(scores) != len(labels):
        raise ValueError(f"scores of shape {scores.shape} do not match labels of shape {labels.shape}")

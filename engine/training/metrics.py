"""How good a classifier is for each class, computed from its predictions and the labels.

Where a ratio is 0 / 0 (a class that never occurs, or is never predicted) it is reported as 0, and the
counts beside it show why.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["confusion_matrix", "precision_recall"]

Labels = NDArray[np.integer[Any]]


def confusion_matrix(predicted: Labels, labels: Labels, classes: int) -> NDArray[np.int64]:
    """Count how often images of each class were assigned to each class.

    Parameters
    ----------
    predicted, labels : ndarray of integers, shape (n,)
    classes : int

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Rows are the true classes, columns the predicted ones.

    Raises
    ------
    ValueError
        When the shapes differ.
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
        The share of the images assigned to a class that belong to it; 0 where there are none.
    recall : ndarray of float64, shape (classes,)
        The share of the images of a class that are assigned to it; 0 where there are none.
    """
    hits = np.diagonal(confusion)
    return _ratio(hits, confusion.sum(axis=0)), _ratio(hits, confusion.sum(axis=1))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(whole), dtype=np.float64), where=whole > 0)

"""Split a data set so that every class keeps its share; the random generator decides which images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import FieldError

__all__ = ["rest_count", "stratified_split"]


def stratified_split(
    labels: NDArray[np.integer[Any]], fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide the indices of `labels` so that `fraction` of each class is held out.

    Parameters
    ----------
    labels : ndarray of integers, shape (n,)
    fraction : float
        Share to hold out, 0 to below 1. With a share above 0, every class that has two images or
        more is represented on both sides; a class of one image stays in the rest.
    rng : numpy.random.Generator
        Chooses the images; the same state gives the same split.

    Returns
    -------
    rest, held_out : ndarray of int64
        Sorted, disjoint, together all indices.
    """
    if not 0.0 <= fraction < 1.0:
        raise FieldError(
            "fraction", f"The share to hold out must be at least 0 and below 1, got {fraction:g}."
        )
    held = np.zeros(len(labels), dtype=np.bool_)
    if fraction > 0.0:
        for label in np.unique(labels):
            held[_choose(np.flatnonzero(labels == label), fraction, rng)] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def rest_count(labels: NDArray[np.integer[Any]], fraction: float) -> int:
    """Return how many indices `stratified_split` keeps in the rest, without splitting."""
    members = np.unique(labels, return_counts=True)[1] if fraction > 0 else ()
    return len(labels) - sum(_held(int(count), fraction) for count in members)


def _held(members: int, fraction: float) -> int:
    return min(max(round(members * fraction), 1), members - 1)


def _choose(members: NDArray[np.int64], fraction: float, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.permutation(members)[: _held(len(members), fraction)]

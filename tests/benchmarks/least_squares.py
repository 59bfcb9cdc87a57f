"""Least squares with coefficients that are not negative, by Lawson and Hanson's method (1974, chapter 23)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["not_negative"]

Floats = NDArray[np.float64]


def not_negative(a: Floats, y: Floats) -> Floats:
    """Return the x, none of it below 0, that minimizes ``|a x - y|``.

    Parameters
    ----------
    a : ndarray of float64, shape (equations, unknowns)
    y : ndarray of float64, shape (equations,)
    """
    scale = np.maximum(np.abs(a).max(axis=0), 1e-300)
    gram, right = (a / scale).T @ (a / scale), (a / scale).T @ y
    gram[np.diag_indices_from(gram)] *= 1 + 1e-12  # unknowns that say the same share the coefficient
    x = np.zeros(len(right))
    free = np.zeros(len(right), bool)
    for _ in range(20 * len(x)):
        gain = np.where(free, -np.inf, right - gram @ x)
        best = int(gain.argmax())
        if gain[best] <= 1e-12 * np.abs(right).max():
            break
        free[best] = True
        x = _within(gram, right, x, free)
    return x / scale


def _within(gram: Floats, right: Floats, x: Floats, free: NDArray[np.bool_]) -> Floats:
    """Return the best x with only the `free` ones above 0; those that fall below 0 stay there."""
    while True:
        found = np.zeros_like(x)
        found[free] = np.linalg.solve(gram[np.ix_(free, free)], right[free])
        below = free & (found <= 0)
        if not below.any():
            return found
        step = (x[below] / np.maximum(x[below] - found[below], 1e-300)).min()
        x = x + step * (found - x)
        free &= x > 1e-14 * max(x.max(), 1e-300)
        x[~free] = 0

"""How certain figures are: intervals of accuracies, and whether a network is as often right as it is sure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Reliability", "interval", "reliability"]

BINS = 15
_Z = 1.959964  # of a normal distribution, for 95 %


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the Wilson interval of a share, which holds the true one 95 times out of 100.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).

    Parameters
    ----------
    right, count : int
        So many of so many; none of none gives 0 … 1.
    """
    if not count:
        return 0.0, 1.0
    share, z2 = right / count, _Z * _Z
    middle = share + z2 / (2 * count)
    reach = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    scale = 1 + z2 / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often a network is right when it is so sure.

    Attributes
    ----------
    edges : ndarray of float64, shape (BINS + 1,)
        Of equal bins of confidence, 0 … 1.
    images : ndarray of int64, shape (BINS,)
    confidence, accuracy : ndarray of float64, shape (BINS,)
        Means of the images of each bin; nan where there are none.
    """

    edges: NDArray[np.float64]
    images: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of confidence and accuracy, 0 … 1.

        C. Guo et al., On calibration of modern neural networks, ICML 2017; equal bins of the top class.
        """
        known = self.images > 0
        distances = np.abs(self.confidence[known] - self.accuracy[known])
        return float((distances * self.images[known]).sum() / max(int(self.images.sum()), 1))


def reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> Reliability:
    """Compare the probability of the class that was chosen with how often that was right.

    Parameters
    ----------
    confidence : ndarray of float32, shape (n,)
    right : ndarray of bool, shape (n,)
    """
    edges = np.linspace(0, 1, BINS + 1)
    bins = np.clip((confidence.astype(np.float64) * BINS).astype(np.intp), 0, BINS - 1)
    images = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, values, BINS) / images for values in (confidence, right)]
    return Reliability(edges, images, *means)

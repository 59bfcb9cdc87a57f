"""Choose the range of a network's outputs where some outputs dwarf the others.

Which class is the answer depends on the outputs of one image among themselves. A histogram of all outputs
does not show that: where one class now and then gets 60,000 and the others 10, a range that covers all of
them has steps of 240, and the other classes can no longer be told apart. Clipping the large outputs costs
nothing as long as they stay the largest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.int8.arithmetic import HIGH, LOW
from engine.int8.ranges import Range

__all__ = ["deciding_range"]

Outputs = NDArray[np.float32]

TOLERATED = 0.01  # share of answers that may change before another range is looked for
IMAGES = 500  # that are looked at, at most
SHARES = 0.75 ** np.arange(45)  # of the extremes, down to some millionths


def deciding_range(outputs: Outputs, chosen: Range) -> Range:
    """Return the range with which int8 keeps most answers: `chosen`, unless another keeps clearly more.

    Parameters
    ----------
    outputs : ndarray of float32, shape (n, classes)
        Of the float network, before softmax or sigmoid.
    chosen : Range
        What the method chose by the histogram.
    """
    outputs = outputs[np.linspace(0, len(outputs) - 1, min(IMAGES, len(outputs))).astype(np.intp)]
    tolerated = TOLERATED * len(outputs)
    changed = _changed(outputs, chosen)
    if changed <= tolerated:
        return chosen
    best, fewest = chosen, changed
    for candidate in _candidates(outputs):  # from the widest on: of equal ones, it clips least
        if (now := _changed(outputs, candidate)) < fewest:
            best, fewest = candidate, now
    return best if fewest + tolerated < changed else chosen


def _candidates(outputs: Outputs) -> Iterator[Range]:
    low, high = min(float(outputs.min()), 0.0), max(float(outputs.max()), 0.0)
    for below in SHARES if low else SHARES[:1]:
        for above in SHARES if high else SHARES[:1]:
            yield Range(float(low * below), float(high * above))


def _changed(outputs: Outputs, range_: Range) -> int:
    """Return how many answers differ when the outputs are rounded to int8; equal ones count as different."""
    affine = range_.affine
    steps = np.clip(np.rint(outputs / np.float32(affine.scale)) + affine.zero_point, LOW, HIGH)
    answers = outputs.argmax(axis=1)
    at_answer = np.take_along_axis(steps, answers[:, None], axis=1)
    return int(np.count_nonzero((steps >= at_answer).sum(axis=1) > 1))

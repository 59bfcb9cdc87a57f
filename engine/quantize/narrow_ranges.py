"""Narrow the ranges behind an outlier, as far as int8 then keeps more of the float network's answers.

A weight that dwarfs the others of its layer stretches the range of that layer's output and of all that
follow. Most of its effect is often that one class wins by far. It still wins when the ranges are much
narrower and large numbers are clipped, and the other units get finer steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor

__all__ = ["narrowed"]

Images = NDArray[np.uint8]

TOLERATED = 0.02  # share of answers that may change before other ranges are tried
CLEARLY_FEWER = 0.6  # share of these that may change with other ranges; a smaller gain may be chance
MOST_CHANGED = 0.4  # share of answers that may change with them; a constant answer is no gain
IMAGES = 250  # that are looked at, at most
FACTORS = tuple(0.4**power for power in range(1, 9))  # down to less than a thousandth


def narrowed(model: Model, quantization: Quantization, layers: list[int], images: Images) -> Quantization:
    """Return `quantization`, with narrower ranges from one of `layers` on if that keeps clearly more answers.

    Parameters
    ----------
    model : Model
    quantization : Quantization
    layers : list of int
        Indices of layers with outliers.
    images : ndarray of uint8, shape (n, height, width, channels)
        Calibration images.
    """
    images = images[np.linspace(0, len(images) - 1, min(IMAGES, len(images))).astype(np.intp)]
    answers = Predictor(model, min(len(images), 32)).logits(images).argmax(axis=1)

    def changed(candidate: Quantization) -> int:
        outputs = IntegerPredictor(model.replace(quantization=candidate)).run(images)
        return int(np.count_nonzero(outputs.argmax(axis=1) != answers))

    before = changed(quantization)
    if before <= TOLERATED * len(images):
        return quantization
    tried = [(changed(candidate), candidate) for candidate in _candidates(quantization, layers)]
    fewest, best = min(tried, key=lambda pair: pair[0])
    kept = fewest <= min(CLEARLY_FEWER * before, MOST_CHANGED * len(images))
    return best if kept else quantization


def _candidates(quantization: Quantization, layers: list[int]) -> Iterator[Quantization]:
    for first in layers:
        for factor in FACTORS:
            behind = (_scaled(ranges, factor) for ranges in quantization.layers[first:])
            yield replace(quantization, layers=(*quantization.layers[:first], *behind))


def _scaled(ranges: LayerRanges, factor: float) -> LayerRanges:
    argument = None if ranges.argument is None else _narrower(ranges.argument, factor)
    return LayerRanges(_narrower(ranges.output, factor), argument)


def _narrower(range_: Range, factor: float) -> Range:
    return Range(range_.low * factor, range_.high * factor)

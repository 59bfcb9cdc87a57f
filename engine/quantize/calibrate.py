"""Choose the calibration range of each tensor of a network, by running it on images.

The float network runs on training images twice: once to find the extremes of each tensor, and again for a
histogram between them. A *method* then chooses the range that int8 covers. Numbers outside the range are
clipped; the narrower the range, the finer the steps inside it. Where a method weighs clipping against steps,
the ranges of the network's outputs, and those behind an outlier, are also judged by the answers they give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import QuantizationError
from engine.int8.arithmetic import Affine
from engine.int8.ranges import LayerRanges, Quantization, Range
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.predictor import checked_images
from engine.nn.specs import ModelSpec
from engine.quantize.deciding_range import deciding_range
from engine.quantize.narrow_ranges import narrowed
from engine.quantize.network import check_int8
from engine.quantize.outliers import outliers
from engine.quantize.probe import ARGUMENT, OUTPUT, Observer, Point, Probe
from engine.shapes import size

__all__ = ["DEFAULT_IMAGES", "DEFAULT_METHOD", "METHODS", "Histogram", "Method", "calibrate"]

DEFAULT_IMAGES = 1000
BATCH = 50  # images at once, or fewer of a large network
BATCH_NUMBERS = 1 << 24  # in the feature maps of a batch, at most: bounds the memory
BINS = 4096
CANDIDATES = np.linspace(0.1, 1.0, 91)
ROUNDS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """How often a tensor took which value.

    Attributes
    ----------
    low, high : float
        The extremes; 0 lies between them or is one of them.
    counts : ndarray of int64, shape (bins,)
        Numbers in each of the equal parts from `low` to `high`.
    """

    low: float
    high: float
    counts: NDArray[np.int64]

    @property
    def centres(self) -> Floats:
        """The value in the middle of each bin, (bins,)."""
        width = (self.high - self.low) / len(self.counts)
        return np.asarray(self.low + width * (np.arange(len(self.counts)) + 0.5), np.float64)


@dataclass(frozen=True)
class Method:
    """A way to choose a calibration range.

    Attributes
    ----------
    title, doc : str
        For forms.
    choose : callable
        ``choose(histogram)`` gives the range.
    keeps_answers : bool
        Whether other ranges are taken if they keep clearly more answers of the network.
    """

    title: str
    doc: str
    choose: Callable[[Histogram], Range]
    keeps_answers: bool = False


def _extremes(histogram: Histogram) -> Range:
    return Range(histogram.low, histogram.high)


def _percentile(share: float) -> Callable[[Histogram], Range]:
    """Return the method that clips a share of ``1 - share`` of the numbers, half of it at each end.

    Where no number is below 0, as after a rectifier, all of the share is clipped at the upper end.
    """

    def choose(histogram: Histogram) -> Range:
        sides = 2 if histogram.low < 0 < histogram.high else 1
        outside = (1 - share) / sides * histogram.counts.sum()
        reached = np.cumsum(histogram.counts)
        centres = histogram.centres
        low = centres[np.searchsorted(reached, outside)] if histogram.low < 0 else 0.0
        high = centres[np.searchsorted(reached, reached[-1] - outside)] if histogram.high > 0 else 0.0
        return Range.around(float(low), float(high))

    return choose


def squared_error(histogram: Histogram, low: float, high: float) -> float:
    """Return the sum of squared errors of rounding to int8 with the range from `low` to `high`."""
    affine, centres = Affine.of(low, high), histogram.centres
    steps = np.clip(np.rint(centres / affine.scale) + affine.zero_point, -128, 127) - affine.zero_point
    return float((histogram.counts * (steps * affine.scale - centres) ** 2).sum())


def _least_squares(histogram: Histogram) -> Range:
    """Move the upper and the lower end in turn to where the squared error is least."""
    low, high = histogram.low, histogram.high
    for _ in range(ROUNDS):
        for_high = [squared_error(histogram, low, share * histogram.high) for share in CANDIDATES]
        high = histogram.high * float(CANDIDATES[np.argmin(for_high)])
        for_low = [squared_error(histogram, share * histogram.low, high) for share in CANDIDATES]
        low = histogram.low * float(CANDIDATES[np.argmin(for_low)])
    return Range.around(low, high)


METHODS: Mapping[str, Method] = {
    "min-max": Method("Smallest to largest", "nothing is clipped", _extremes),
    "percentile": Method("99.99 %", "one number in ten thousand is clipped", _percentile(0.9999)),
    "mse": Method(
        "Least squared error", "clips where that costs less than coarser steps", _least_squares, True
    ),
}
"""Every method by name."""

DEFAULT_METHOD = "mse"


def calibrate(
    model: Model, images: NDArray[np.uint8], method: str = DEFAULT_METHOD, data: str = ""
) -> Quantization:
    """Choose the calibration ranges of `model` on `images`.

    Parameters
    ----------
    model : Model
    images : ndarray of uint8, shape (n, height, width) or (n, height, width, channels)
        Some hundreds of training images.
    method : str
        A key of `METHODS`.
    data : str
        Where the images are from; the quantization records it.

    Raises
    ------
    QuantizationError
        When there are no images, int8 cannot express a layer, or numbers are not finite.
    SpecError
        When the network reads images of another shape.
    """
    if method not in METHODS:
        raise QuantizationError(f'there is no method "{method}"; methods are: {", ".join(METHODS)}.')
    if not len(images):
        raise QuantizationError("there are no images to calibrate on; choose a data set that has some.")
    check_int8(model)
    outputs: dict[Point, list[FloatArray]] = {}

    def collect(point: Point, values: FloatArray) -> None:
        if point[0] == len(model.spec.layers) - 1:
            outputs.setdefault(point, []).append(values.T.copy())

    histograms = observe(model, checked_images(model.spec, images), collect)
    ranges = {point: METHODS[method].choose(histogram) for point, histogram in histograms.items()}
    if METHODS[method].keeps_answers:
        last = len(model.spec.layers) - 1
        decides = (last, ARGUMENT) if (last, ARGUMENT) in ranges else (last, OUTPUT)
        ranges[decides] = deciding_range(np.concatenate(outputs[decides]), ranges[decides])
    found = Quantization(_by_layer(model.spec, ranges), method, len(images), data)
    behind = sorted({outlier.layer for outlier in outliers(model)}) if METHODS[method].keeps_answers else []
    return narrowed(model, found, behind, checked_images(model.spec, images)) if behind else found


def _by_layer(spec: ModelSpec, ranges: Mapping[Point, Range]) -> tuple[LayerRanges, ...]:
    before = Range(0.0, 1.0)  # the image
    layers = []
    for index in range(len(spec.layers)):
        output = ranges.get((index, OUTPUT), before)
        layers.append(LayerRanges(output, ranges.get((index, ARGUMENT))))
        before = output
    return tuple(layers)


def observe(
    model: Model, images: NDArray[np.uint8], see: Observer = lambda point, values: None
) -> dict[Point, Histogram]:
    """Return the histogram of every tensor of `model`.

    Parameters
    ----------
    model : Model
    images : ndarray of uint8, shape (n, height, width, channels)
    see : callable
        Is shown the tensors too, once.
    """
    numbers = sum(size(row.out_shape) for row in model.spec.rows())
    batch = max(1, min(BATCH, len(images), BATCH_NUMBERS // numbers))
    probe = Probe(model.spec, model.params, batch)
    extremes: dict[Point, tuple[float, float]] = {}
    counts: dict[Point, NDArray[np.int64]] = {}

    def widen(point: Point, values: FloatArray) -> None:
        low, high = extremes.get(point, (0.0, 0.0))
        lowest, highest = float(values.min()), float(values.max())
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise QuantizationError("the network gives numbers that are not finite; train it again.")
        extremes[point] = (min(low, lowest), max(high, highest))

    def count(point: Point, values: FloatArray) -> None:
        counts[point] = counts.get(point, 0) + np.histogram(values, BINS, _bounds(*extremes[point]))[0]
        see(point, values)

    for look in (widen, count):
        for start in range(0, len(images), batch):
            probe.run(images[start : start + batch], look)
    return {point: Histogram(*extremes[point], counts[point]) for point in counts}


def _bounds(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low, low + 1.0)

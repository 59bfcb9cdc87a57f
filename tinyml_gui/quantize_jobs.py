"""Background work around int8, as generators that know no threads: calibrate, compare, fine-tune."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.data import Catalogue, Dataset
from engine.data.catalogue import STARTER
from engine.errors import QuantizationError, TinyMLError
from engine.inference import Predictor
from engine.model import Model
from tinyml_gui.jobs import Progress
from tinyml_gui.viewmodels.accuracy import Flip, Flips, metrics_of
from tinyml_gui.viewmodels.starts import trained_on

__all__ = ["Calibrated", "Compared", "QuantizeOrder", "prepare"]

_CHUNK: Final = 256  # images between two reports
_SHOWN: Final = 60  # images of a gallery
_BATCH: Final = 32


@dataclass(frozen=True)
class QuantizeOrder:
    """Which model to bring to int8, and where images may come from.

    Attributes
    ----------
    model : Model
        Calibrated only where it has no quantization yet.
    catalogue : Catalogue
    data : Dataset or None
        Training images at hand.
    name : str
        The data set that the user has chosen; empty where none is.
    """

    model: Model
    catalogue: Catalogue
    data: Dataset | None = None
    name: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of data sets to take images from, the best first."""
        return tuple(dict.fromkeys(name for name in (*trained_on(self.model), self.name, STARTER) if name))


@dataclass(frozen=True)
class Calibrated:
    """The model, now with a quantization."""

    model: Model


@dataclass(frozen=True)
class Compared:
    """What int8 does to the answers; `flips` is None where there are no images to find out."""

    model: Model
    flips: Flips | None


def prepare(order: QuantizeOrder) -> Generator[Calibrated | Progress, None, Compared]:
    """Calibrate where needed, then compare int8 with float on test images."""
    model = order.model
    if model.quantization is None:
        model = calibrated(order)
        yield Calibrated(model)
    test = _test_images(order) if model.trained else None
    if test is None:
        return Compared(model, None)
    return (yield from compare(model, test))


def calibrated(order: QuantizeOrder) -> Model:
    """Return the model with ranges found on training images."""
    from engine.calibrate import DEFAULT_IMAGES, calibrate

    data = _training_images(order)
    places = np.linspace(0, len(data) - 1, min(DEFAULT_IMAGES, len(data))).astype(np.intp)
    found = calibrate(order.model, data.images[places], data=data.name)
    return order.model.replace(quantization=found)


def compare(model: Model, test: Dataset) -> Generator[Progress, None, Compared]:
    """Find out what share of `test` is right in float and in int8, and what flips."""
    from engine.quantize import IntegerPredictor

    predictors: tuple[Predictor | IntegerPredictor, ...] = (Predictor(model, _BATCH), IntegerPredictor(model))
    answers = np.empty((2, len(test)), np.intp)
    for start in range(0, len(test), _CHUNK):
        part = test.images[start : start + _CHUNK]
        for row, predictor in enumerate(predictors):
            answers[row, start : start + len(part)] = predictor.logits(part).argmax(axis=1)
        yield Progress(start + len(part), len(test))
    right = answers == test.labels
    quantization = model.quantization
    assert quantization is not None
    in_float, in_int8 = (float(share) for share in right.mean(axis=1))
    metrics = {**quantization.metrics, **metrics_of(in_float, in_int8, len(test))}
    return Compared(
        model.replace(quantization=replace(quantization, metrics=metrics)), _flips(test, answers, right)
    )


def _flips(test: Dataset, answers: NDArray[np.intp], right: NDArray[np.bool_]) -> Flips:
    places = np.flatnonzero(answers[0] != answers[1])
    in_float, in_int8 = right[:, places]
    worst_first = places[np.argsort(~in_float, kind="stable")]
    shown = tuple(_flip(test, answers, int(place)) for place in worst_first[:_SHOWN])
    return Flips(len(test), len(places), int(in_float.sum()), int(in_int8.sum()), shown)


def _flip(test: Dataset, answers: NDArray[np.intp], place: int) -> Flip:
    truth, before, after = (test.classes[i] for i in (int(test.labels[place]), *answers[:, place]))
    return Flip(test.images[place].copy(), truth, before, after)


def _training_images(order: QuantizeOrder) -> Dataset:
    """Return images to calibrate on; raise `QuantizationError` where none fits."""
    shape = order.model.spec.input_shape
    known = trained_on(order.model)
    if order.data is not None and (order.data.name in known or not known) and order.data.image_shape == shape:
        return order.data
    for found in _loaded(order, "train"):
        if found.image_shape == shape:
            return found
    raise QuantizationError(
        "there are no images of the right size to calibrate on; choose data on the Train page."
    )


def _test_images(order: QuantizeOrder) -> Dataset | None:
    model = order.model
    fitting = (
        found
        for found in _loaded(order, "test")
        if found.image_shape == model.spec.input_shape and found.classes == model.classes
    )
    return next(fitting, None)


def _loaded(order: QuantizeOrder, part: str) -> Iterator[Dataset]:
    """Yield the data sets that are on this computer, the best first."""
    for name in order.sources:
        try:
            yield order.catalogue.load(name, part)
        except TinyMLError:
            continue

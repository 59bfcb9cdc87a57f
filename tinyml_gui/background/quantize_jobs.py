"""Background work about int8, as generators that know no threads: calibrate, compare, fine-tune."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from engine.data import Catalogue, Dataset
from engine.data.catalogue import STARTER
from engine.errors import QuantizationError, TinyMLError
from engine.nn.model import Model
from engine.record import Metrics
from engine.training.events import BatchDone, Finished
from engine.training.start_check import misfit
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.viewmodels.accuracy import Accuracies, Flip, Flips, measured, measured_images
from tinyml_gui.viewmodels.starts import trained_on

if TYPE_CHECKING:
    from engine.quantize.compare_float_int8 import Int8Comparison

__all__ = ["EPOCHS", "Calibrated", "Compared", "QuantizeOrder", "TimeLeft", "prepare", "tune"]

EPOCHS: Final = 2  # of fine-tuning: more hardly improve the accuracy
_UNKNOWN: Final = Accuracies()
_SHOWN: Final = 60  # images of a gallery


@dataclass(frozen=True)
class QuantizeOrder:
    """Which model to quantize, and where its images may come from.

    Attributes
    ----------
    model : Model
        Calibrated only where it has no quantization yet.
    catalogue : Catalogue
    data : Dataset or None
        Training images that are loaded already.
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
class TimeLeft:
    """How long it will still take, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Calibrated:
    """The model, now with a quantization."""

    model: Model


@dataclass(frozen=True)
class Compared:
    """A model compared in float and int8.

    Attributes
    ----------
    model : Model
    flips : Flips or None
        None where there are no images to compare on.
    before : Accuracies
        Those of the model that it was fine-tuned from, on the same images.
    """

    model: Model
    flips: Flips | None
    before: Accuracies = _UNKNOWN


def prepare(order: QuantizeOrder) -> Generator[Calibrated | JobProgress, None, Compared]:
    """Calibrate where needed, then compare int8 with float on test images."""
    model = order.model
    if model.quantization is None:
        model = calibrated(order)
        yield Calibrated(model)
    test = _test_images(order) if model.trained else None
    if test is None:
        return Compared(model, None)
    return (yield from compare(model, test))


def tune(order: QuantizeOrder) -> Generator[JobProgress | TimeLeft, None, Compared]:
    """Fine-tune the model with fake quantization, then compare its int8 answers with float."""
    from engine.quantize.finetune import QuantizeConfig, quantize_run

    data = _labelled_images(order)
    tuned = order.model
    with closing(quantize_run(order.model, data, QuantizeConfig(finetune=EPOCHS))) as events:
        for event in events:
            if isinstance(event, BatchDone):
                yield JobProgress(event.step, event.steps)
                yield TimeLeft(event.seconds_left)
            elif isinstance(event, Finished):
                tuned = event.model
    test = _test_images(order)
    if test is None:
        return Compared(_untested(tuned), None)
    before = yield from compare(_unmeasured(order.model), test)
    compared = yield from compare(tuned, test)
    return Compared(_tested(compared.model, test), compared.flips, measured(before.model))


def _unmeasured(model: Model) -> Model:
    """Return `model` without what int8 was measured to lose, maybe on other images."""
    quantization = model.quantization
    assert quantization is not None
    return model.replace(quantization=replace(quantization, metrics={}))


def _untested(model: Model) -> Model:
    """Return `model` without the accuracy that it had before."""
    return model.replace(record=replace(model.record, metrics=None))


def _tested(model: Model, test: Dataset) -> Model:
    """Return `model` with the accuracy that it has now."""
    metrics = Metrics(data=test.name, images=len(test), accuracy=measured(model).in_float)
    return model.replace(record=replace(model.record, metrics=metrics))


def calibrated(order: QuantizeOrder) -> Model:
    """Return the model with calibration ranges from training images, as the command line finds them."""
    from engine.quantize.finetune import quantize_run

    (finished,) = quantize_run(order.model, _training_images(order))
    assert isinstance(finished, Finished)
    return finished.model


def compare(model: Model, test: Dataset) -> Generator[JobProgress, None, Compared]:
    """Measure the accuracy on `test` in float and in int8, and find the images that change their class."""
    from engine.quantize.compare_float_int8 import compare_in_parts

    parts = compare_in_parts(model, test)
    while True:
        try:
            yield JobProgress(next(parts), len(test))
        except StopIteration as end:
            found: Int8Comparison = end.value
            return Compared(_measured(model, found.metrics), _flips(test, found))


def _measured(model: Model, metrics: Mapping[str, float]) -> Model:
    """Return `model` with these metrics, unless it was measured on more images before."""
    quantization = model.quantization
    if quantization is None or measured_images(model) > metrics["images"]:
        return model
    return model.replace(quantization=replace(quantization, metrics={**quantization.metrics, **metrics}))


def _flips(test: Dataset, found: Int8Comparison) -> Flips:
    places = found.flips
    answers = np.stack([found.in_float.predictions, found.in_int8.predictions])
    in_float, in_int8 = answers[:, places] == test.labels[places]
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


def _labelled_images(order: QuantizeOrder) -> Dataset:
    """Return images to train on; raise `QuantizationError` where none fits."""
    at_hand = () if order.data is None else (order.data,)
    for found in (*at_hand, *_loaded(order, "train")):
        if not misfit(order.model, found):
            return found
    raise QuantizationError("there are no labelled images to fine-tune with; choose data on the Train page.")


def _test_images(order: QuantizeOrder) -> Dataset | None:
    return next((found for found in _loaded(order, "test") if not misfit(order.model, found)), None)


def _loaded(order: QuantizeOrder, part: str) -> Iterator[Dataset]:
    """Yield the data sets that are on this computer, the best first."""
    for name in order.sources:
        try:
            yield order.catalogue.load(name, part)
        except TinyMLError:
            continue

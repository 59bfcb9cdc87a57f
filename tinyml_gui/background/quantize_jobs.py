"""Background work around int8, as generators that know no threads: calibrate, compare, fine-tune."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.data import Catalogue, Dataset
from engine.data.catalogue import STARTER
from engine.errors import QuantizationError, TinyMLError
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.record import Metrics
from engine.training.events import BatchDone, Finished
from engine.training.run_check import misfit
from tinyml_gui.background.jobs import JobProgress
from tinyml_gui.viewmodels.accuracy import Flip, Flips, measured, measured_images, metrics_of
from tinyml_gui.viewmodels.starts import trained_on

__all__ = ["EPOCHS", "Calibrated", "Compared", "QuantizeOrder", "TimeLeft", "prepare", "tune"]

EPOCHS: Final = 2  # of fine-tuning: more bring next to nothing
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
    """What int8 does to the answers; `flips` is None where there are no images to find out."""

    model: Model
    flips: Flips | None


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
    compared = yield from compare(tuned, test)
    return replace(compared, model=_tested(compared.model, test))


def _untested(model: Model) -> Model:
    """Return `model` without the accuracy that it had before."""
    return model.replace(record=replace(model.record, metrics=None))


def _tested(model: Model, test: Dataset) -> Model:
    """Return `model` with the accuracy that it has now."""
    metrics = Metrics(data=test.name, images=len(test), accuracy=measured(model).in_float)
    return model.replace(record=replace(model.record, metrics=metrics))


def calibrated(order: QuantizeOrder) -> Model:
    """Return the model with ranges found on training images, as the command line does."""
    from engine.quantize.finetune import quantize_run

    (finished,) = quantize_run(order.model, _training_images(order))
    assert isinstance(finished, Finished)
    return finished.model


def compare(model: Model, test: Dataset) -> Generator[JobProgress, None, Compared]:
    """Find out what share of `test` is right in float and in int8, and what flips."""
    from engine.quantize.network import IntegerPredictor

    predictors: tuple[Predictor | IntegerPredictor, ...] = (Predictor(model, _BATCH), IntegerPredictor(model))
    answers = np.empty((2, len(test)), np.intp)
    for start in range(0, len(test), _CHUNK):
        part = test.images[start : start + _CHUNK]
        for row, predictor in enumerate(predictors):
            answers[row, start : start + len(part)] = predictor.logits(part).argmax(axis=1)
        yield JobProgress(start + len(part), len(test))
    right = answers == test.labels
    flips = _flips(test, answers, right)
    in_float, in_int8 = (float(share) for share in right.mean(axis=1))
    return Compared(_measured(model, metrics_of(in_float, in_int8, len(test), flips.count)), flips)


def _measured(model: Model, metrics: Mapping[str, float]) -> Model:
    """Return `model` with what was measured, unless more is known of it already."""
    quantization = model.quantization
    if quantization is None or measured_images(model) > metrics["images"]:
        return model
    return model.replace(quantization=replace(quantization, metrics={**quantization.metrics, **metrics}))


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

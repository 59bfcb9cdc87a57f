"""``tinyml evaluate``: measure a network on the test images of a data set, and say where it errs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.commands.options import MODEL_HELP, add_data_dir, add_int8, catalogue
from engine.commands.sources import ProjectSource, check_fit, load_model
from engine.data import Dataset
from engine.errors import DataError
from engine.insight import CHANGES, Assessment, RobustnessPoint, assess, robustness
from engine.insight.assessment import ClassFigures
from engine.int8.certainty import REJECTED
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.quantize.compare_float_int8 import evaluate_int8
from engine.quantize.judge import Judge
from engine.quantize.probe import silent_layer
from engine.terminal.console import Console, percent, table
from engine.training.config import default_threads
from engine.training.evaluate import Evaluator
from engine.training.images import LabelledImages

__all__ = ["register"]

WIDEST_MATRIX = 20  # classes
LISTED_MISTAKES = 20
LISTED_IMAGES = 100  # wrong ones, in the JSON
SEED = 0  # of directions and noise
BATCH = 32
SEEN = 256  # images that show whether a layer tells them apart
FLOAT, INT8 = "float32", "int8"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=evaluate)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--data", required=True, metavar="D", help="name of a data set, or a folder of IDX files"
    )
    parser.add_argument(
        "--robustness",
        action="store_true",
        help="also try shifted, turned, resized, thicker, noisy and faint images",
    )
    add_data_dir(parser)
    add_int8(parser)


def evaluate(arguments: argparse.Namespace, console: Console) -> int:
    """Measure a model."""
    source = ProjectSource(load_model(arguments.model))
    model = source.saved
    data = catalogue(arguments).load(arguments.data, "test")
    check_fit(arguments.model, model, data)
    if arguments.robustness and data.image_shape[2] > 1:
        raise DataError(data.name, "--robustness changes grey images; leave it out for those in colour.")
    answers = assess(model, data, arguments.int8, default_threads())
    points = _robustness(model, data, arguments.int8, console) if arguments.robustness else ()
    silent = silent_layer(model, data.images[:SEEN])
    loss = _loss(source, data, arguments.int8)
    sure = _sure(model, data, arguments.int8)
    numbers = INT8 if arguments.int8 else FLOAT
    report = _Report(source, data, answers, loss, numbers, silent, tuple(points), sure)
    console.show(report.json(), report.lines())
    return 0


def _loss(source: ProjectSource, data: Dataset, int8: bool) -> float:
    model, loss, threads = source.saved, LOSSES[source.loss], default_threads()
    labelled = LabelledImages(data.images, data.labels)
    if int8:
        return evaluate_int8(model, loss, labelled, threads).loss
    return Evaluator(model.spec, loss, threads).run(model.params, labelled).loss


class _Sure(NamedTuple):
    """The share of images that a calibrated model is sure of, and the share of these that it gets right."""

    accepted: float
    accuracy: float


def _sure(model: Model, data: Dataset, int8: bool) -> _Sure | None:
    """Return how often `model` is sure; None if it was not calibrated."""
    if model.certainty is None:
        return None
    verdicts = Judge(model, int8, BATCH)(data.images).verdicts
    accepted = verdicts != REJECTED
    right = (verdicts == data.labels)[accepted]
    return _Sure(float(accepted.mean()), float(right.mean()) if len(right) else 0.0)


def _robustness(model: Model, data: Dataset, int8: bool, console: Console) -> list[RobustnessPoint]:
    total = sum(len(change.amounts) for change in CHANGES.values())
    points = []
    with console.progress(total, "") as bar:
        for point in robustness(model, data, np.random.default_rng(SEED), int8, default_threads()):
            points.append(point)
            bar.update(1)
    return points


@dataclass(frozen=True)
class _Report:
    """An evaluation, which can be written as JSON or as lines."""

    source: ProjectSource
    data: Dataset
    answers: Assessment
    loss: float
    numbers: str
    silent: str
    robustness: tuple[RobustnessPoint, ...]
    sure: _Sure | None

    def json(self) -> dict[str, Any]:
        """Return all figures."""
        found = self.answers
        return {
            "model": self.source.saved.name,
            "data": self.data.name,
            "images": len(self.data),
            "numbers": self.numbers,
            "accuracy": found.accuracy,
            "accuracy_interval": list(found.interval),
            "balanced_accuracy": found.balanced_accuracy,
            "top_2_accuracy": found.top_2,
            "calibration_error": found.reliability.error,
            "certainty": None if self.sure is None else self.sure._asdict(),
            "loss": self.loss,
            "loss_function": self.source.loss,
            "silent_layer": self.silent or None,
            "classes": [_class_figures(figures) for figures in found.by_class],
            "confusion": found.confusion.tolist(),
            "surest_mistakes": [self._mistake(index) for index in found.mistakes()[:LISTED_IMAGES].tolist()],
            "robustness": [asdict(point) for point in self.robustness],
        }

    def _mistake(self, index: int) -> dict[str, Any]:
        found, classes = self.answers, self.data.classes
        return {
            "image": index,
            "class": classes[int(found.labels[index])],
            "predicted": classes[int(found.predictions[index])],
            "probability": float(found.confidence[index]),
        }

    def lines(self) -> Iterator[str]:
        """Yield the figures for a reader; the matrix has a row for each true class."""
        found, name = self.answers, LOSSES[self.source.loss].title.lower()
        images = f"{len(self.data):,} test images of {self.data.name}"
        yield f"{self.source.saved.name} in {self.numbers} on {images}:"
        low, high = map(percent, found.interval)
        yield (
            f"accuracy {percent(found.accuracy)} ({low} to {high} with 95 % certainty), "
            f"balanced {percent(found.balanced_accuracy)}, {name} {self.loss:.4f}"
        )
        if self.silent:
            yield self.silent
        yield (
            f"among the first two {percent(found.top_2)}; probabilities are off by "
            f"{percent(found.reliability.error)} on average"
        )
        if self.sure is not None:
            yield f"sure of {percent(self.sure.accepted)}; of these {percent(self.sure.accuracy)} are right"
        yield ""
        rows = [
            (c.name, f"{c.images:,}", percent(c.precision), percent(c.recall), percent(c.f1))
            for c in found.by_class
        ]
        yield from table([("class", "images", "precision", "recall", "F1"), *rows])
        yield ""
        yield from self._matrix() if len(self.data.classes) <= WIDEST_MATRIX else self._mistakes()
        if self.robustness:
            yield ""
            yield from self._curves()

    def _matrix(self) -> Iterator[str]:
        yield "Confusion: rows are the true classes, columns what the model says."
        rows = zip(self.data.classes, self.answers.confusion, strict=True)
        yield from table([("", *self.data.classes), *((name, *map(_cell, row)) for name, row in rows)])

    def _mistakes(self) -> Iterator[str]:
        """Yield the most frequent confusions, where the whole matrix would be too wide to read."""
        yield "Most frequent confusions (the whole matrix is in the output of --json):"
        classes = self.data.classes
        rows = [(classes[c.label], classes[c.predicted], c.images) for c in self.answers.confusions]
        yield from table([("is", "taken for", "images"), *rows[:LISTED_MISTAKES]], left=(0, 1))

    def _curves(self) -> Iterator[str]:
        yield "Accuracy on changed images:"
        for change in CHANGES.values():
            points = [point for point in self.robustness if point.change == change.name]
            values = "  ".join(f"{point.amount:g}: {percent(point.accuracy)}" for point in points)
            yield f"{change.title} ({change.unit})  {values}"


def _class_figures(figures: ClassFigures) -> dict[str, Any]:
    found = figures._asdict()
    return {"class": found.pop("name"), **found}


def _cell(number: int) -> str:
    return str(number) if number else "·"

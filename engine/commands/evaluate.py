"""``tinyml evaluate``: measure a network on the test images of a data set, class by class."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.commands.options import MODEL_HELP, add_data_dir, add_int8, catalogue
from engine.commands.sources import ProjectSource, check_fit, load_model
from engine.data import Dataset
from engine.nn.losses import LOSSES
from engine.quantize.compare_float_int8 import evaluate_int8
from engine.quantize.probe import silent_layer
from engine.terminal.console import Console, percent, table
from engine.training.config import default_threads
from engine.training.evaluate import Evaluation, Evaluator
from engine.training.images import LabelledImages
from engine.training.metrics import confusion_matrix, precision_recall

__all__ = ["register"]

WIDEST_MATRIX = 20  # classes
LISTED_MISTAKES = 20
SEEN = 256  # images that show whether a layer tells them apart
FLOAT, INT8 = "float32", "int8"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=evaluate)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--data", required=True, metavar="D", help="name of a data set, or a folder of IDX files"
    )
    add_data_dir(parser)
    add_int8(parser)


def evaluate(arguments: argparse.Namespace, console: Console) -> int:
    """Measure a model."""
    source = ProjectSource(load_model(arguments.model))
    data = catalogue(arguments).load(arguments.data, "test")
    check_fit(arguments.model, source.saved, data)
    found = _evaluation(source, data, arguments.int8)
    confusion = confusion_matrix(found.predictions, data.labels, len(data.classes))
    silent = silent_layer(source.saved, data.images[:SEEN])
    report = _Report(source, data, found, confusion, INT8 if arguments.int8 else FLOAT, silent)
    console.show(report.json(), report.lines())
    return 0


def _evaluation(source: ProjectSource, data: Dataset, int8: bool) -> Evaluation:
    model, loss, threads = source.saved, LOSSES[source.loss], default_threads()
    labelled = LabelledImages(data.images, data.labels)
    if int8:
        return evaluate_int8(model, loss, labelled, threads)
    return Evaluator(model.spec, loss, threads).run(model.params, labelled)


@dataclass(frozen=True)
class _Report:
    """An evaluation, which can be written as JSON or as lines."""

    source: ProjectSource
    data: Dataset
    found: Evaluation
    confusion: NDArray[np.int64]
    numbers: str
    silent: str = ""

    def json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "model": self.source.saved.name,
            "data": self.data.name,
            "images": len(self.data),
            "numbers": self.numbers,
            "accuracy": self.found.accuracy,
            "loss": self.found.loss,
            "loss_function": self.source.loss,
            "silent_layer": self.silent or None,
            "classes": [
                {"class": name, "images": images, "precision": precision, "recall": recall}
                for name, images, precision, recall in self._by_class()
            ],
            "confusion": self.confusion.tolist(),
        }

    def lines(self) -> Iterator[str]:
        """Yield the figures for a reader; the matrix has a row for each true class."""
        name = LOSSES[self.source.loss].title.lower()
        images = f"{len(self.data):,} test images of {self.data.name}"
        yield f"{self.source.saved.name} in {self.numbers} on {images}:"
        yield f"accuracy {percent(self.found.accuracy)}, {name} {self.found.loss:.4f}"
        if self.silent:
            yield self.silent
        yield ""
        rows = [(n, f"{i:,}", percent(p), percent(r)) for n, i, p, r in self._by_class()]
        yield from table([("class", "images", "precision", "recall"), *rows])
        yield ""
        yield from self._matrix() if len(self.data.classes) <= WIDEST_MATRIX else self._mistakes()

    def _matrix(self) -> Iterator[str]:
        yield "Confusion: rows are the true classes, columns what the model says."
        body = [(n, *map(_cell, row)) for n, row in zip(self.data.classes, self.confusion, strict=True)]
        yield from table([("", *self.data.classes), *body])

    def _mistakes(self) -> Iterator[str]:
        """Yield the most frequent confusions, where the whole matrix would be too wide to read."""
        yield "Most frequent confusions (the whole matrix is in the output of --json):"
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        worst = np.argsort(-wrong, axis=None, kind="stable")[:LISTED_MISTAKES]
        pairs = zip(*np.unravel_index(worst, wrong.shape), strict=True)
        rows = [(self.data.classes[a], self.data.classes[b], wrong[a, b]) for a, b in pairs if wrong[a, b]]
        yield from table([("is", "taken for", "images"), *rows], left=(0, 1))

    def _by_class(self) -> Iterator[tuple[str, int, float, float]]:
        precision, recall = precision_recall(self.confusion)
        images = self.confusion.sum(axis=1)
        for index, name in enumerate(self.data.classes):
            yield name, int(images[index]), float(precision[index]), float(recall[index])


def _cell(number: int) -> str:
    return str(number) if number else "·"

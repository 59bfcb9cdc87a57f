"""``tinyml compare``: run two models on the same images and show where their answers differ."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.commands.import_options import add_read_options, chosen_read_options, load_any
from engine.commands.options import add_data_dir, catalogue
from engine.commands.sources import check_fit
from engine.data import Dataset
from engine.formats.reader import Imported
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor
from engine.terminal.console import Console, percent, table

__all__ = ["register"]

LISTED_FLIPS: Final = 20
BATCH: Final = 64
PART: Final = 1024
NEITHER, FIRST, SECOND, BOTH = "neither", "first", "second", "both"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=compare)
    help_text = "a .tinyml file, a shipped model, or a file of another program that `tinyml import` reads"
    parser.add_argument("first", metavar="A", help=help_text)
    parser.add_argument("second", metavar="B", help="the same")
    parser.add_argument("--data", required=True, metavar="D", help="data set whose test images both run on")
    add_data_dir(parser)
    parser.add_argument(
        "--int8",
        choices=(NEITHER, FIRST, SECOND, BOTH),
        default=NEITHER,
        help="which of the two runs in whole numbers, as on a microcontroller (default: %(default)s)",
    )
    add_read_options(parser)


def compare(arguments: argparse.Namespace, console: Console) -> int:
    """Compare two models."""
    data = catalogue(arguments).load(arguments.data, "test")
    options = chosen_read_options(arguments, data.classes)
    first, second = (load_any(path, options) for path in (arguments.first, arguments.second))
    check_fit(arguments.first, first.model, data)
    check_fit(arguments.second, second.model, data)
    report = _Report(
        _Side(arguments.first, first, arguments.int8 in (FIRST, BOTH), data),
        _Side(arguments.second, second, arguments.int8 in (SECOND, BOTH), data),
        data,
    )
    console.show(report.json(), report.lines())
    return 0


class _Side:
    """One of the two models, and what it answers."""

    def __init__(self, path: str, found: Imported, int8: bool, data: Dataset) -> None:
        self.path, self.numbers, self.remarks = path, "int8" if int8 else "float32", found.remarks
        predictor = IntegerPredictor(found.model) if int8 else Predictor(found.model, BATCH)
        starts = range(0, len(data), PART)
        self.outputs = np.concatenate([predictor.logits(data.images[s : s + PART]) for s in starts])
        self.predictions = self.outputs.argmax(axis=1)
        self.accuracy = float(np.mean(self.predictions == data.labels))

    def json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "numbers": self.numbers,
            "accuracy": self.accuracy,
            "remarks": self.remarks,
        }


@dataclass(frozen=True)
class _Report:
    """Two models on the same images."""

    first: _Side
    second: _Side
    data: Dataset

    @property
    def flips(self) -> NDArray[np.intp]:
        """Indices of the images to which the two give different classes."""
        return np.flatnonzero(self.first.predictions != self.second.predictions)

    @property
    def differences(self) -> NDArray[np.float32]:
        """The largest difference of an output, for each image."""
        found: NDArray[np.float32] = np.abs(self.first.outputs - self.second.outputs).max(axis=1)
        return found

    def json(self) -> dict[str, Any]:
        """Return all figures; every image with another class is listed."""
        differences = self.differences
        return {
            "data": self.data.name,
            "images": len(self.data),
            "models": [self.first.json(), self.second.json()],
            "agreement": 1 - len(self.flips) / len(self.data),
            "largest_difference": float(differences.max()),
            "largest_at": int(differences.argmax()),
            "mean_difference": float(differences.mean()),
            "flips": [
                {"image": i, "is": is_, "first": first, "second": second, "difference": float(differences[i])}
                for i, is_, first, second in self._flips()
            ],
            "flips_by_class": [
                {"first": first, "second": second, "images": images}
                for first, second, images in self._pairs()
            ],
        }

    def lines(self) -> Iterator[str]:
        """Yield the figures for a reader."""
        for side in (self.first, self.second):
            images = f"{len(self.data):,} images of {self.data.name}"
            yield f"{side.path} in {side.numbers}: {percent(side.accuracy)} of {images} right"
            yield from side.remarks
        differences, flips = self.differences, self.flips
        agreement = 1 - len(flips) / len(self.data)
        yield f"the same class for {percent(agreement)} of the images, another one for {len(flips):,}"
        place = int(differences.argmax())
        largest, mean = f"{differences[place]:.3g} (image {place})", f"{differences.mean():.3g}"
        yield f"largest difference of an output {largest}, mean {mean}"
        if not len(flips):
            return
        yield ""
        yield from table([("first says", "second says", "images"), *self._pairs()], left=(0, 1))
        yield ""
        shown = [(i, is_, first, second) for i, is_, first, second in self._flips()][:LISTED_FLIPS]
        yield from table([("image", "is", "first says", "second says"), *shown], left=(1, 2, 3))
        if len(flips) > LISTED_FLIPS:
            yield f"and {len(flips) - LISTED_FLIPS:,} more, which --json lists"

    def _flips(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield each image with another class: its index, what it is, what each model takes it for."""
        names = self.data.classes
        for i in self.flips.tolist():
            first, second = self.first.predictions[i], self.second.predictions[i]
            yield i, names[self.data.labels[i]], names[first], names[second]

    def _pairs(self) -> Iterator[tuple[str, str, int]]:
        """Yield the pairs of classes in which the two differ, the most frequent first."""
        pairs = np.stack([self.first.predictions, self.second.predictions])[:, self.flips]
        found, counts = np.unique(pairs, axis=1, return_counts=True)
        for k in np.argsort(-counts, kind="stable").tolist():
            a, b = found[:, k].tolist()
            yield self.data.classes[a], self.data.classes[b], int(counts[k])

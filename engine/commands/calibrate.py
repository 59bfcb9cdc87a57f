"""``tinyml calibrate``: find out when a model is sure, so that it refuses what is no character."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.commands.keeper import save_model
from engine.commands.options import MODEL_HELP, add_data_dir, catalogue, part_for_testing, reader
from engine.commands.sources import check_fit, load_model
from engine.data import Dataset
from engine.data.preprocess import SIDE, preprocess
from engine.errors import DataError
from engine.insight import CoveragePoint, Reliability, coverage_curve, fit_certainty, reliability
from engine.int8.certainty import REJECTED, Certainty
from engine.knobs import Knob
from engine.nn.model import Model
from engine.nn.predictor import Predictor, output_activation
from engine.quantize.judge import Judge, Judgement
from engine.terminal.console import Console, percent
from engine.training.config import trained_config
from engine.training.trainer import divided

__all__ = ["register"]

ACCEPT = Knob("accept", float, 0.95, "Accept", "share of true characters", low=0.5, high=1)
_SHARE = 0.1  # of the training images, where the record of the model keeps none aside
_BATCH = 64


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=calibrate)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--data",
        required=True,
        metavar="D",
        help="data set: the images that training kept aside calibrate, its test images measure",
    )
    parser.add_argument("--out", required=True, metavar="C.tinyml", help="where to save the model")
    parser.add_argument(
        "--accept",
        type=reader(ACCEPT),
        default=ACCEPT.default,
        metavar="SHARE",
        help="share of true characters to accept; the rest and what is no character is refused "
        "(default: %(default)s)",
    )
    add_data_dir(parser)


def calibrate(arguments: argparse.Namespace, console: Console) -> int:
    """Calibrate, measure and save."""
    model = load_model(arguments.model)
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    check_fit(arguments.model, model, data)
    test = part_for_testing(found, arguments.data, console, "How sure the model is")
    images, labels = _as_seen(_kept_aside(model, data))
    softmax = not _gives_probabilities(model)
    certainty = fit_certainty(_outputs(model, images), labels, arguments.accept, data.name, softmax)
    calibrated = model.replace(certainty=certainty, name=Path(arguments.out).stem)
    report = _Report(arguments.out, calibrated, certainty, _measured(model, certainty, test))
    save_model(calibrated, arguments.out)
    console.show(report.json(), report.lines())
    return 0


def _kept_aside(model: Model, data: Dataset) -> Dataset:
    """Return the images of `data` that the training of `model` kept aside, or else a share of them."""
    config = trained_config(model)
    if not config.validation:
        config = replace(config, validation=_SHARE)
    indices = divided(data, config).validation
    if not len(indices):
        raise DataError(data.name, "it has too few images to calibrate with; add more of each class.")
    return data.subset(indices)


def _as_seen(data: Dataset) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the images with their labels, and once more as drawings if the canvas makes such images."""
    if data.image_shape != (SIDE, SIDE, 1):
        return data.images, data.labels
    drawn = [preprocess(image) for image in data.images[..., 0]]
    known = np.array([image is not None for image in drawn])
    forms = [image[None, ..., None] for image in drawn if image is not None]
    return np.concatenate([data.images, *forms]), np.concatenate([data.labels, data.labels[known]])


def _gives_probabilities(model: Model) -> bool:
    last = output_activation(model.spec)
    return last is not None and last.probabilities


def _outputs(model: Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return Predictor(model, _BATCH).logits(images)


@dataclass(frozen=True)
class _Measured:
    """What the calibration does on test images."""

    images: int
    judged: Judgement
    labels: NDArray[np.uint8]
    before: Reliability
    after: Reliability
    curve: tuple[CoveragePoint, ...]

    @property
    def accepted(self) -> float:
        """The share that is accepted."""
        return float(np.mean(self.judged.verdicts != REJECTED))

    @property
    def accuracy(self) -> float:
        """The share of right answers among those accepted; 0 if there are none."""
        kept = self.judged.verdicts != REJECTED
        return float((self.judged.verdicts == self.labels)[kept].mean()) if kept.any() else 0.0


def _measured(model: Model, certainty: Certainty, test: Dataset | None) -> _Measured | None:
    if test is None:
        return None
    before = Judge(model.replace(certainty=None), batch=_BATCH)(test.images)
    judged = Judge(model.replace(certainty=certainty), batch=_BATCH)(test.images)
    curve = coverage_curve(_outputs(model, test.images), test.labels, certainty)
    labels = test.labels
    return _Measured(
        len(test), judged, labels, _reliability(before, labels), _reliability(judged, labels), curve
    )


def _reliability(found: Judgement, labels: NDArray[np.uint8]) -> Reliability:
    probabilities = found.probabilities
    return reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


@dataclass(frozen=True)
class _Report:
    """A calibration, which can be described as JSON or as lines."""

    out: str
    model: Model
    certainty: Certainty
    measured: _Measured | None

    def json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "model": self.model.name,
            "fingerprint": self.model.fingerprint,
            "certainty": self.certainty.to_json(),
            "test": None if self.measured is None else self._figures(self.measured),
            "out": self.out,
        }

    def _figures(self, found: _Measured) -> dict[str, Any]:
        return {
            "images": found.images,
            "accepted": found.accepted,
            "accuracy_of_accepted": found.accuracy,
            "calibration_error_before": found.before.error,
            "calibration_error": found.after.error,
            "coverage": [point._asdict() for point in found.curve],
        }

    def lines(self) -> Iterator[str]:
        """Yield the figures for a reader."""
        known, found = self.certainty, self.measured
        yield f"Calibrated on {known.images:,} images of {known.data}: temperature {known.temperature:.2f},"
        yield f"{percent(known.accepted)} of them accepted."
        if found is not None:
            yield (
                f"Of {found.images:,} test images {percent(found.accepted)} are accepted; of these "
                f"{percent(found.accuracy)} are right."
            )
            yield (
                f"Probabilities are off by {percent(found.after.error)} on average, "
                f"before by {percent(found.before.error)}."
            )
        yield f"Saved {self.out}."

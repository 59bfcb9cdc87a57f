"""``tinyml quantize``: find calibration ranges for a trained model, so that it can also run in int8."""

from __future__ import annotations

import argparse
import math
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.commands.keeper import Keeper, save_model
from engine.commands.options import (
    MODEL_HELP,
    add_data_dir,
    add_knobs,
    catalogue,
    given_knobs,
    part_for_testing,
    reader,
)
from engine.commands.sources import check_fit, load_model
from engine.data import Dataset
from engine.errors import DataError
from engine.knobs import Knob
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.quantize.compare_float_int8 import Int8Comparison, compare_int8
from engine.quantize.finetune import QuantizeConfig, quantize_run
from engine.quantize.outliers import Outlier, outliers
from engine.terminal.console import Console, percent
from engine.terminal.progress import TrainingDisplay, quick_switches, stopping_on_interrupt
from engine.training.config import default_threads, trained_config
from engine.training.events import Finished, Reason
from engine.training.images import LabelledImages

__all__ = ["register"]

MOST_DROP = Knob("most_drop", float, 0.0, "Most drop", "percentage points", low=0, high=100)
ROUNDING = 1e-9  # of the percentage points themselves


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=quantize)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--data",
        required=True,
        metavar="D",
        help="data set: its training images calibrate, its test images measure",
    )
    parser.add_argument("--out", required=True, metavar="Q.tinyml", help="where to save the model")
    parser.add_argument(
        "--most-drop",
        type=reader(MOST_DROP),
        metavar="POINTS",
        help="end with exit code 1 if int8 loses more accuracy than so many percentage points",
    )
    add_data_dir(parser)
    add_knobs(parser, QuantizeConfig, "quantization")


def quantize(arguments: argparse.Namespace, console: Console) -> int:
    """Calibrate, fine-tune if asked to, measure and save."""
    model = load_model(arguments.model)
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    check_fit(arguments.model, model, data)
    Keeper(arguments.out, console).check_disk_space(len(model.params))
    test = part_for_testing(found, arguments.data, console, "What int8 costs")
    if test is None and arguments.most_drop is not None:
        raise DataError(arguments.data, "--most-drop needs test images to measure on; leave it out.")
    config = QuantizeConfig(**given_knobs(arguments, QuantizeConfig))
    finished = _run(model, data, config, console)
    try:
        result = _Result(
            arguments,
            finished.reason,
            *_measured(finished.model, test),
            _untuned(model, data, config, test),
        )
    except KeyboardInterrupt:  # the model is saved all the same
        console.log("Interrupted before it was measured what int8 costs.")
        result = _Result(arguments, finished.reason, finished.model)
    named = result.model.replace(name=Path(arguments.out).stem)
    save_model(named, arguments.out)
    console.show(result.json(), result.lines())
    return 1 if finished.reason is Reason.DIVERGED or result.drops_too_much else 0


def _run(model: Model, data: Dataset, config: QuantizeConfig, console: Console) -> Finished:
    stop = threading.Event()
    asking = stopping_on_interrupt(stop.set, console) if config.finetune else nullcontext()
    run = quantize_run(model, data, config, stop.is_set)
    showing = TrainingDisplay(console, len(model.classes))
    with quick_switches(), asking, closing(run) as events, showing as bar:
        for event in events:
            bar.report(event)
            if isinstance(event, Finished):
                return event
    raise AssertionError("a run ends with Finished")


def _measured(model: Model, test: Dataset | None) -> tuple[Model, Int8Comparison | None]:
    """Return the model with the measured figures in its quantization, and the comparison."""
    if test is None or model.quantization is None:
        return model, None
    loss = LOSSES[trained_config(model).loss]
    found = compare_int8(model, loss, LabelledImages(test.images, test.labels), default_threads())
    return model.replace(quantization=replace(model.quantization, metrics=found.metrics)), found


def _untuned(
    model: Model, data: Dataset, config: QuantizeConfig, test: Dataset | None
) -> Int8Comparison | None:
    """Return what int8 would cost without the fine-tuning; None where there is none."""
    if not config.finetune or test is None:
        return None
    *_, calibrated = quantize_run(model, data, replace(config, finetune=0))
    assert isinstance(calibrated, Finished)
    return _measured(calibrated.model, test)[1]


@dataclass(frozen=True)
class _Result:
    """A quantized model, which can be described as JSON or as lines."""

    arguments: argparse.Namespace
    reason: Reason
    model: Model
    found: Int8Comparison | None = None
    untuned: Int8Comparison | None = None  # without the fine-tuning, where there was one

    @property
    def tuning(self) -> str:
        """What the fine-tuning has brought; empty where there was none, or nothing was measured."""
        if self.found is None or self.untuned is None or self.reason is Reason.DIVERGED:
            return ""
        before = self.untuned.in_int8.accuracy
        if self.found.in_int8.accuracy >= before:
            return f"Without fine-tuning int8 has {percent(before)}."
        return (
            f"The fine-tuning made it worse: int8 has {percent(before)} without it. Leave out --finetune, or "
            "try a smaller learning rate."
        )

    @property
    def drop(self) -> float:
        """How many percentage points of accuracy int8 loses; nan if that was not measured."""
        found = self.found
        return math.nan if found is None else 100 * (found.in_float.accuracy - found.in_int8.accuracy)

    @property
    def drops_too_much(self) -> bool:
        """Whether int8 loses more than is allowed, as far as is known."""
        most = self.arguments.most_drop
        return most is not None and not self.drop <= most + ROUNDING

    @property
    def outliers(self) -> list[Outlier]:
        """The numbers of the network that explain a loss."""
        return outliers(self.model)

    def json(self) -> dict[str, Any]:
        """Return all figures."""
        quantization = self.model.quantization
        assert quantization is not None
        found = self.found
        return {
            "model": self.model.name,
            "fingerprint": self.model.fingerprint,
            "data": quantization.data,
            "method": quantization.method,
            "calibration_images": quantization.images,
            "reason": self.reason.value,
            **({} if found is None else self._figures(found)),
            "outliers": [asdict(outlier) for outlier in self.outliers],
            "out": self.arguments.out,
        }

    def _figures(self, found: Int8Comparison) -> dict[str, Any]:
        untuned = self.untuned
        return {
            "images": len(found.in_int8.predictions),
            "float": {"accuracy": found.in_float.accuracy, "loss": found.in_float.loss},
            "int8": {"accuracy": found.in_int8.accuracy, "loss": found.in_int8.loss},
            "int8_without_finetuning": None if untuned is None else {"accuracy": untuned.in_int8.accuracy},
            "flips": len(found.flips),
        }

    def lines(self) -> Iterator[str]:
        """Yield the figures for a reader."""
        found = self.found
        if self.reason is Reason.DIVERGED:
            yield "The fine-tuning diverged; the model is only calibrated. Try a smaller learning rate."
        if self.reason is Reason.STOPPED:
            yield "The fine-tuning was stopped; the model keeps what it has learned until then."
        if found is not None:
            images = len(found.in_int8.predictions)
            gained = round(-self.drop, 2) + 0.0  # never -0.00
            yield f"Accuracy on {images:,} test images of {self.arguments.data}:"
            yield f"  float {percent(found.in_float.accuracy)}"
            yield f"  int8  {percent(found.in_int8.accuracy)} ({gained:+.2f} percentage points)"
            yield f"Images whose class flips: {len(found.flips):,}."
        if self.tuning:
            yield self.tuning
        yield from (outlier.sentence for outlier in self.outliers)
        if self.drops_too_much:
            yield f"That is more than the {self.arguments.most_drop:g} percentage points allowed."
        yield f"Saved {self.arguments.out}."

"""``tinyml train``: a network, a data set and a configuration become a ``.tinyml`` file.

What the file records as its command gives the same model to the bit when it is run again: everything that
matters, the seed and the number of threads too, is written out. The test part is used once, at the end, to
report.
"""

from __future__ import annotations

import argparse
import math
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine import project
from engine.augment import Augmentation
from engine.commands.console import Console, percent, plain
from engine.commands.options import (
    Commands,
    add_command,
    add_data_dir,
    add_knobs,
    catalogue,
    given_knobs,
    options_text,
)
from engine.commands.sources import Source, find_model
from engine.config import TrainConfig
from engine.data import Catalogue, Dataset
from engine.errors import DataError, FileError
from engine.evaluate import Evaluator
from engine.events import BatchDone, Diverged, EpochDone, Event, Finished, Reason
from engine.files import atomic_write
from engine.knobs import knobs_to_json
from engine.losses import LOSSES
from engine.model import Model
from engine.optimizers import OPTIMIZERS
from engine.train import Trainer
from engine.work import Work

__all__ = ["register"]

ALWAYS_RECORDED = (
    "epochs",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
    "loss",
    "seed",
    "threads",
)
SPARE_BYTES = 1 << 17  # room for the record beside the parameters
SWITCH_SECONDS = 1e-4  # training threads meet after every step: waiting for the interpreter costs them less


def register(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(commands, "train", run, "train a network on a data set")
    parser.add_argument(
        "--data", required=True, metavar="D", help="name of a data set, or a folder of IDX files"
    )
    parser.add_argument(
        "--model",
        required=True,
        metavar="M",
        help="a preset, a JSON description or a .tinyml file to go on from",
    )
    parser.add_argument(
        "--out", metavar="F.tinyml", help="where to save the model; without it, nothing is kept"
    )
    add_data_dir(parser)
    rates = ", ".join(f"{name} {optimizer.default_rate:g}" for name, optimizer in OPTIMIZERS.items())
    usual = {"learning_rate": rates, "loss": "the one that suits the model"}
    add_knobs(parser, TrainConfig, "training", usual)
    add_knobs(parser, Augmentation, "augmentation")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Train, save and report."""
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    test = _test_part(found, arguments.data, console)
    source = find_model(arguments.model)
    config = _config(arguments, source)
    model = source.model(data, np.random.default_rng(config.seed), _name(arguments))
    if arguments.out:
        _check_room(arguments.out, 4 * len(model.params) + SPARE_BYTES)
    trainer = Trainer(model, data, config)
    console.log(_opening(model, data, config))
    outcome = _train(trainer, console)
    result = _documented(outcome.model, model, arguments, config, outcome.reason)
    metrics = _measure(result, test, config, console)
    result = result.replace(record={**result.record, "metrics": metrics})
    saved = _save(result, arguments.out, outcome.reason)
    console.show(_result(result, outcome, saved), _lines(result, outcome, saved))
    return 1 if outcome.reason is Reason.DIVERGED else 0


@dataclass(frozen=True)
class Outcome:
    """What a run gave."""

    model: Model
    reason: Reason
    seconds: float
    images_per_second: float


class _EnoughError(Exception):
    """Ends a trial write."""


def _check_room(path: str, size: int) -> None:
    """Raise `FileError` now, rather than after hours, if no file of `size` bytes can be written at `path`."""

    def try_out(stream: BinaryIO) -> None:
        stream.write(bytes(size))
        stream.flush()
        raise _EnoughError

    with suppress(_EnoughError):
        atomic_write(path, try_out)


def _test_part(found: Catalogue, name: str, console: Console) -> Dataset | None:
    try:
        return found.load(name, "test")
    except DataError as error:
        console.log(f"The test accuracy cannot be measured. {error}")
        return None


def _config(arguments: argparse.Namespace, source: Source) -> TrainConfig:
    given = given_knobs(arguments, TrainConfig)
    config = replace(TrainConfig(loss=source.loss), **given)
    if "learning_rate" not in given:
        config = replace(config, learning_rate=OPTIMIZERS[config.optimizer].default_rate)
    return replace(config, augmentation=Augmentation(**given_knobs(arguments, Augmentation)))


def _name(arguments: argparse.Namespace) -> str:
    return Path(arguments.out or arguments.model).stem


def _opening(model: Model, data: Dataset, config: TrainConfig) -> str:
    threads = f"{config.actual_threads} thread{'s' if config.actual_threads > 1 else ''}"
    how = f"{config.optimizer}, rate {config.learning_rate:g}, batch {config.batch_size}, {threads}"
    size = f"{model.spec.parameters:,} parameters"
    return f"Training {model.name} ({size}) on {len(data):,} images of {data.name}: {how}."


def _train(trainer: Trainer, console: Console) -> Outcome:
    start, rates = time.perf_counter(), [0.0]
    with _quick_switches(), _stopping_on_interrupt(trainer, console), _Progress(trainer, console) as progress:
        for event in trainer.run():
            progress.report(event)
            if isinstance(event, EpochDone):
                rates.append(event.images_per_second)
            if isinstance(event, Finished):
                return Outcome(event.model, event.reason, time.perf_counter() - start, rates[-1])
    raise AssertionError("a run ends with Finished")


@contextmanager
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _stopping_on_interrupt(trainer: Trainer, console: Console) -> Iterator[None]:
    """Let the first Ctrl+C end the run at the next batch; a second one interrupts as usual."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        trainer.stop()
        console.log("Stopping after this batch; press Ctrl+C again to give up at once.")

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: nobody can press Ctrl+C there
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Progress:
    """A progress bar over all batches, and a line for each epoch."""

    def __init__(self, trainer: Trainer, console: Console) -> None:
        self._console = console
        self._bar = console.progress(0, "batch")

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def report(self, event: Event) -> None:
        """Show `event`."""
        if isinstance(event, BatchDone):
            self._bar.total = event.steps
            text = f"loss {event.loss:.4f} {event.images_per_second:,.0f} images/s"
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()
        elif isinstance(event, EpochDone):
            self._console.log(_epoch_line(event))
        elif isinstance(event, Diverged):
            self._console.log(f"Diverged in epoch {event.epoch}, step {event.step}. {event.advice}")


def _epoch_line(done: EpochDone) -> str:
    line = f"Epoch {done.epoch}/{done.epochs}: loss {done.train_loss:.4f}, {percent(done.train_accuracy)}"
    if not math.isnan(done.validation_loss):
        line += f"; validation {done.validation_loss:.4f}, {percent(done.validation_accuracy)}"
    return f"{line}; {done.images_per_second:,.0f} images/s"


def _documented(
    trained: Model, start: Model, arguments: argparse.Namespace, config: TrainConfig, reason: Reason
) -> Model:
    """Return `trained` with a record that says how it came about."""
    record = {"command": _command(arguments, config), **trained.record, "reason": reason.value}
    if start.record:
        record["start"] = {"fingerprint": start.fingerprint, "command": start.record.get("command", "")}
    return trained.replace(record=plain(record))


def _command(arguments: argparse.Namespace, config: TrainConfig) -> str:
    """Return the command line that gives this model again, without the folders of this machine."""
    settings = {**knobs_to_json(config), "threads": config.actual_threads}
    recorded = {name: settings[name] for name in ALWAYS_RECORDED}
    recorded |= _changed(settings, knobs_to_json(TrainConfig()), ALWAYS_RECORDED)
    recorded |= _changed(knobs_to_json(config.augmentation), knobs_to_json(Augmentation()), ())
    words = ["tinyml", "train", "--data", arguments.data, "--model", arguments.model]
    out = ["--out", Path(arguments.out).name] if arguments.out else []
    return " ".join([shlex.join(words), options_text(recorded.items()), shlex.join(out)]).strip()


def _changed(values: dict[str, Any], defaults: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in known and value != defaults[name]}


def _measure(model: Model, test: Dataset | None, config: TrainConfig, console: Console) -> dict[str, Any]:
    """Return the figures on the test part; none without one, or when interrupted: the model comes first."""
    if test is None:
        return {}
    evaluator = Evaluator(model.spec, LOSSES[config.loss], config.actual_threads)
    try:
        found = evaluator.run(model.params, Work(test.images, test.labels))
    except KeyboardInterrupt:
        console.log("Interrupted before the test accuracy was measured.")
        return {}
    return {
        "data": test.name,
        "images": len(test),
        "accuracy": found.accuracy,
        "loss": found.loss,
    }


def _save(model: Model, out: str | None, reason: Reason) -> str | None:
    """Save the model and return where; one that diverged never replaces another."""
    if out is None or (reason is Reason.DIVERGED and Path(out).exists()):
        return None
    try:
        project.save(model, out)
    except FileError as error:
        raise _rescued(model, error) from error
    return out


def _rescued(model: Model, error: FileError) -> FileError:
    """Try to keep a trained model that could not be saved where it was wanted; return the error to raise."""
    place = Path(tempfile.mkdtemp(prefix="tinyml-")) / f"{model.name}.tinyml"
    try:
        project.save(model, place)
    except FileError:
        return error
    return FileError(error.path, f"{error.reason} The model was saved as {place} instead.")


def _result(model: Model, outcome: Outcome, saved: str | None) -> dict[str, Any]:
    return {
        **model.record,
        "model": model.name,
        "fingerprint": model.fingerprint,
        "parameters": model.spec.parameters,
        "seconds": outcome.seconds,
        "images_per_second": outcome.images_per_second,
        "out": saved,
    }


def _lines(model: Model, outcome: Outcome, saved: str | None) -> Iterator[str]:
    yield f"Training {outcome.reason.value} after {outcome.seconds:.1f} s."
    metrics = model.record["metrics"]
    if metrics:
        accuracy, images = percent(metrics["accuracy"]), f"{metrics['images']:,}"
        yield f"Test accuracy {accuracy}, loss {metrics['loss']:.4f} ({images} images of {metrics['data']})."
    yield f"Saved {saved}." if saved else "Nothing was saved."

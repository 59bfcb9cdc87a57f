"""``tinyml train``: a network, a data set and a configuration become a ``.tinyml`` file.

The file records a command that gives the same model to the bit when it is run again: it names every setting
that matters, including the seed and the number of threads. ``--resume`` also gives the same bits, however a
run was interrupted (`engine.commands.keeper`). The test set is used only once, at the end, to report the
accuracy.
"""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.commands.keeper import Keeper, find_run, finished_path, recorded
from engine.commands.options import (
    add_data_dir,
    add_knobs,
    catalogue,
    given_knobs,
    option_of,
    options_text,
    part_for_testing,
)
from engine.commands.sources import Source, find_model
from engine.data import Dataset
from engine.errors import FileError, TinyMLError
from engine.knobs import knobs_to_json
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.record import Metrics, StartingPoint, TrainingRecord
from engine.runs.history import History, runs_folder
from engine.runs.run import Run
from engine.storage.shipped import reader_of
from engine.terminal.console import Console, percent
from engine.terminal.progress import TrainingDisplay, quick_switches, stopping_on_interrupt
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig, thread_words
from engine.training.evaluate import Evaluator
from engine.training.events import EpochDone, Finished, Reason
from engine.training.images import LabelledImages
from engine.training.optimizers import OPTIMIZERS
from engine.training.start_check import data_notes, run_notes
from engine.training.terms import resuming_note
from engine.training.trainer import Trainer

__all__ = ["add_task", "chosen_config", "log_data_notes", "log_notes", "register", "settings_text"]

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
NEEDED = ("data", "model")


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=run)
    add_task(parser)
    parser.add_argument(
        "--out",
        metavar="F.tinyml",
        help="where to save the model; until the run ends, it is saved beside this file (default: not saved)",
    )
    parser.add_argument(
        "--resume",
        metavar="F.tinyml",
        help="go on with the interrupted run for this file; with the same data, program and kernels of the "
        "processor the model will be the same to the bit; --data says where data lie now that were moved",
    )
    add_data_dir(parser)
    rates = ", ".join(f"{name} {optimizer.default_rate:g}" for name, optimizer in OPTIMIZERS.items())
    usual = {"learning_rate": rates, "loss": "the one that suits the model"}
    add_knobs(parser, TrainConfig, "training", usual)
    add_knobs(parser, Augmentation, "augmentation")


def add_task(parser: argparse.ArgumentParser, required: bool = False) -> None:
    """Add the options for the data set and the network."""
    parser.add_argument(
        "--data", required=required, metavar="D", help="name of a data set, or a folder of IDX files"
    )
    parser.add_argument(
        "--model",
        required=required,
        metavar="M",
        help="a preset, a JSON description, or a .tinyml file to train further",
    )


@dataclass(frozen=True)
class PreparedRun:
    """A run that is ready to begin or to be resumed."""

    trainer: Trainer
    classes: int
    config: TrainConfig
    origin: TrainingRecord
    test: Dataset | None
    keeper: Keeper


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Train, save and report."""
    out = arguments.out or (arguments.resume and finished_path(arguments.resume))
    keeper = Keeper(out, console)
    with keeper.claimed():
        prepared = (_resumed if arguments.resume else _begun)(arguments, console, keeper)
        finished = _train(prepared, console)
        model = finished.model
        record = recorded(model, prepared.origin, finished.reason.value)
        metrics, terms = _measure(model, prepared, console), prepared.trainer.terms.to_json()
        model = model.replace(record=replace(record, metrics=metrics, terms=terms))
        saved = keeper.save(model, finished.reason, prepared.trainer.checkpoint())
    _note_down(model, prepared.trainer, finished.seconds, console)
    console.show(_result(model, finished, saved), _lines(model, finished, saved))
    return 1 if finished.reason is Reason.DIVERGED else 0


def _begun(arguments: argparse.Namespace, console: Console, keeper: Keeper) -> PreparedRun:
    """Return the run that the settings describe."""
    missing = [option_of(name) for name in NEEDED if getattr(arguments, name) is None]
    if missing:
        raise TinyMLError(f"training needs {' and '.join(missing)}; see `tinyml train --help`.")
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    source = find_model(arguments.model)
    config = chosen_config(arguments, source)
    name = Path(arguments.out or arguments.model).stem
    model = source.model(data, np.random.default_rng(config.seed), name)
    keeper.check_disk_space(len(model.params))
    trainer = Trainer(model, data, config)
    test = part_for_testing(found, arguments.data, console)
    log_notes(config, console)
    log_data_notes(data, test, console)
    keeper.announce()
    console.log(_opening(model, data, config, trainer.threads))
    return PreparedRun(trainer, len(data.classes), config, _origin(arguments, config, model), test, keeper)


def _resumed(arguments: argparse.Namespace, console: Console, keeper: Keeper) -> PreparedRun:
    """Return the interrupted run, ready to be resumed."""
    _refuse_settings(arguments)
    place, model, run = find_run(arguments.resume)
    found = catalogue(arguments)
    at = arguments.data or run.data
    data = replace(found.load(at, "train"), name=run.data)
    keeper.check_disk_space(len(model.params))
    trainer = Trainer.resumed(model.replace(name=Path(keeper.out or place).stem), data, run)
    test = part_for_testing(found, at, console)
    test = test and replace(test, name=run.data)
    if note := resuming_note(run.terms):
        console.log(note)
    done = f"epoch {len(run.history)} of {run.config.epochs} was done"
    console.log(f"Going on with the run in {place}: {done}.")
    console.log(_opening(model, data, run.config, trainer.threads))
    return PreparedRun(trainer, len(data.classes), run.config, model.record, test, keeper)


def _refuse_settings(arguments: argparse.Namespace) -> None:
    """Raise `TinyMLError` if a setting is given: a resumed run keeps its own."""
    given = ["model"] if arguments.model is not None else []
    given += [*given_knobs(arguments, TrainConfig), *given_knobs(arguments, Augmentation)]
    if given:
        raise TinyMLError(
            "--resume goes on with the settings that the run began with; "
            f"leave out {', '.join(map(option_of, given))}."
        )


def chosen_config(arguments: argparse.Namespace, source: Source) -> TrainConfig:
    """Return the given configuration, with defaults that suit the network and the optimizer."""
    given = given_knobs(arguments, TrainConfig)
    config = replace(TrainConfig(loss=source.loss), **given)
    if "learning_rate" not in given:
        config = replace(config, learning_rate=OPTIMIZERS[config.optimizer].default_rate)
    return replace(config, augmentation=Augmentation(**given_knobs(arguments, Augmentation)))


def log_notes(config: TrainConfig, console: Console) -> None:
    """Say which settings have no effect or are changed."""
    for note in run_notes(config, lambda knob: option_of(knob.name)):
        console.log(note)


def log_data_notes(data: Dataset, test: Dataset | None, console: Console) -> None:
    """Say what looks wrong with the data."""
    for note in data_notes(data, test, reader_of(data)):
        console.log(note)


def _opening(model: Model, data: Dataset, config: TrainConfig, threads: int) -> str:
    how = f"{config.optimizer}, rate {config.learning_rate:g}, batch {config.batch_size}"
    size, where = f"{model.spec.parameters:,} parameters", f"{len(data):,} images of {data.name}"
    return f"Training {model.name} ({size}) on {where}: {how}, {thread_words(threads)}."


@dataclass(frozen=True)
class FinishedRun:
    """The result of a run."""

    model: Model
    reason: Reason
    seconds: float
    images_per_second: float


def _train(prepared: PreparedRun, console: Console) -> FinishedRun:
    start, rates, trainer = time.perf_counter(), [0.0], prepared.trainer
    asking, showing = stopping_on_interrupt(trainer.stop, console), TrainingDisplay(console, prepared.classes)
    with quick_switches(), asking, showing as progress:
        for event in trainer.run():
            if isinstance(event, EpochDone):
                rates.append(event.images_per_second)
                prepared.keeper.keep(trainer, prepared.origin)
            progress.report(event)
            if isinstance(event, Finished):
                return FinishedRun(event.model, event.reason, time.perf_counter() - start, rates[-1])
    raise AssertionError("a run ends with Finished")


def _origin(arguments: argparse.Namespace, config: TrainConfig, model: Model) -> TrainingRecord:
    """Return the part of the record that the trainer does not know: command and starting point."""
    start = None
    if model.trained:
        start = StartingPoint(fingerprint=model.fingerprint, command=model.record.command or "")
    return TrainingRecord(command=_command(arguments, config), start=start)


def _command(arguments: argparse.Namespace, config: TrainConfig) -> str:
    """Return the command line that gives this model again, without the folders of this machine."""
    settings = settings_text(replace(config, threads=config.actual_threads), ALWAYS_RECORDED)
    words = ["tinyml", "train", "--data", arguments.data, "--model", arguments.model]
    out = ["--out", Path(arguments.out).name] if arguments.out else []
    return " ".join([shlex.join(words), settings, shlex.join(out)]).strip()


def settings_text(config: TrainConfig, always: Sequence[str]) -> str:
    """Return the options that give `config` again: those in `always`, and all that are not the default."""
    settings = knobs_to_json(config)
    named = {name: settings[name] for name in always}
    named |= _changed(settings, knobs_to_json(TrainConfig()), always)
    named |= _changed(knobs_to_json(config.augmentation), knobs_to_json(Augmentation()), ())
    return options_text(named.items())


def _changed(values: dict[str, Any], defaults: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in known and value != defaults[name]}


def _measure(model: Model, prepared: PreparedRun, console: Console) -> Metrics:
    """Return the figures on the test set; empty without one, or if interrupted (the model is still saved)."""
    test = prepared.test
    if test is None:
        return Metrics()
    evaluator = Evaluator(model.spec, LOSSES[prepared.config.loss], prepared.trainer.threads)
    try:
        found = evaluator.run(model.params, LabelledImages(test.images, test.labels))
    except KeyboardInterrupt:
        console.log("Interrupted before the test accuracy was measured.")
        return Metrics()
    return Metrics(data=test.name, images=len(test), accuracy=found.accuracy, loss=found.loss)


def _note_down(model: Model, trainer: Trainer, seconds: float, console: Console) -> None:
    """Add the run to the history; a history that cannot be written loses no model."""
    own = trainer.record  # a run that diverged may end with the model, and record, that it began with
    record = replace(
        model.record, data=own.data, config=own.config, threads=own.threads, history=tuple(trainer.history)
    )
    model = model.replace(record=record)
    try:
        History(runs_folder()).add(Run.of(model, seconds, "command", datetime.now(UTC)), model)
    except FileError as error:
        console.log(f"The run is not in the history. {error}")


def _result(model: Model, finished: FinishedRun, saved: str | None) -> dict[str, Any]:
    return {
        **model.record.to_json(),
        "model": model.name,
        "fingerprint": model.fingerprint,
        "parameters": model.spec.parameters,
        "seconds": finished.seconds,
        "images_per_second": finished.images_per_second,
        "out": saved,
    }


def _lines(model: Model, finished: FinishedRun, saved: str | None) -> Iterator[str]:
    yield f"Training {finished.reason.value} after {finished.seconds:.1f} s."
    metrics = model.record.metrics
    if metrics is not None and metrics.accuracy is not None:
        accuracy, images = percent(metrics.accuracy), f"{metrics.images:,}"
        yield f"Test accuracy {accuracy}, loss {metrics.loss:.4f} ({images} images of {metrics.data})."
    yield f"Saved {saved}." if saved else "Nothing was saved."
    if saved and finished.reason is Reason.STOPPED:
        yield f"To go on: {shlex.join(['tinyml', 'train', '--resume', saved])}"

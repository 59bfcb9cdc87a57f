"""``tinyml sweep``: train many networks, measure each, and write a table that grows run by run.

The runs come from a preset, from a file, or from a model and a grid. Before anything is trained, they are
counted and checked. The test images are used once for each network, for the table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.commands.options import (
    add_data_dir,
    add_knobs,
    catalogue,
    count,
    given_knobs,
    part_for_testing,
)
from engine.commands.sources import find_model
from engine.data import Dataset
from engine.errors import FileError, TinyMLError
from engine.sweep.columns import ACCURACY, CHOOSE_BY, Row, row_of
from engine.sweep.description import Run, Sweep
from engine.sweep.fields import Recipe
from engine.sweep.grid import axis_from_text
from engine.sweep.outcome import Advanced, EpochScores, Failed, Finished
from engine.sweep.presets import SWEEPS, load_sweep
from engine.sweep.processes import carried_out
from engine.sweep.results_file import ResultsFile
from engine.sweep.summary import summary
from engine.sweep.tasks import tasks_for
from engine.terminal.console import Console, table
from engine.training.config import TrainConfig, usable_cores

__all__ = ["register"]

HOW_ON = "To go on, give the same command with --resume."
HEADS = (
    "hidden layers",
    "neurons",
    "settings",
    "validation",
    "test",
    "balanced",
    "flash",
    "RAM",
    "instructions",
)
SHOWN = (
    "Hidden Layer",
    "Neuron per hidden layer",
    "Settings",
    CHOOSE_BY,
    ACCURACY,
    "Balanced accuracy",
    "Flash int8 (bytes)",
    "RAM int8 (bytes)",
    "Instructions int8",
)


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.set_defaults(run=run)
    parser.add_argument(
        "file", nargs="?", metavar="FILE", help="a TOML or JSON file that describes the sweep"
    )
    titles = "; ".join(f"{preset.name}: {preset.title}" for preset in SWEEPS.values())
    parser.add_argument("--preset", choices=tuple(SWEEPS), help=f"a sweep by name ({titles})")
    activations = sorted({name for preset in SWEEPS.values() for name in preset.activations})
    parser.add_argument("--activation", choices=activations, help="of the preset (default: all)")
    parser.add_argument("--model", metavar="M", help="the network of --grid: a preset or a JSON description")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="FIELD=VALUES",
        help="values of a field, such as layers.0.filters=4,8,16 or train.seed=0..4; once for each field",
    )
    parser.add_argument(
        "--data", required=True, metavar="D", help="name of a data set, or a folder of IDX files"
    )
    parser.add_argument(
        "--out", required=True, metavar="RUNS.csv", help="the table; JSON lines if it ends in .jsonl"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the table, if there is one")
    parser.add_argument(
        "--workers",
        type=count(1, 256),
        default=usable_cores(),
        metavar="N",
        help="processes that train at the same time (default: one for each core)",
    )
    add_data_dir(parser)
    add_knobs(parser, Recipe, "start")
    usual = dict.fromkeys(vars(TrainConfig()), "as the sweep says")
    add_knobs(parser, TrainConfig, "training", usual, without=("threads",))


@dataclass(frozen=True)
class _Job:
    """A sweep that is ready to begin or to go on."""

    runs: tuple[Run, ...]
    data: Dataset
    test: Dataset | None
    file: ResultsFile
    sweep: str
    workers: int


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Train all networks that are not in the table yet, and report."""
    start = time.perf_counter()
    job = _job(arguments, console)
    before = len(job.file.rows)
    try:
        failed = _train(job, console)
    except KeyboardInterrupt:
        console.log(f"{len(job.file.rows)} of {len(job.runs)} runs are in {job.file.path}. {HOW_ON}")
        raise
    done = len(job.file.rows) - before
    seconds = time.perf_counter() - start
    found = summary(job.file.rows.values(), len(job.data.classes))
    result = {
        "runs": len(job.runs),
        "done": done,
        "failed": failed,
        "at_chance": found.at_chance,
        "seconds": seconds,
        "best": [dict(row) for row in found.best],
        "out": str(job.file.path),
    }
    console.show(result, _lines(result, found.best))
    return 1 if failed else 0


def _job(arguments: argparse.Namespace, console: Console) -> _Job:
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    sweep = _chosen(arguments, data)
    runs = sweep.checked_runs(data)
    fingerprint = sweep.fingerprint(data)
    test = part_for_testing(found, arguments.data, console)
    file = ResultsFile(arguments.out, fingerprint, arguments.resume)
    known = f", {len(file.rows):,} of them in {arguments.out} already" if file.rows else ""
    console.log(f"Sweep {sweep.name}: {len(runs):,} runs on {len(data):,} images of {data.name}{known}.")
    return _Job(runs, data, test, file, fingerprint, arguments.workers)


def _chosen(arguments: argparse.Namespace, data: Dataset) -> Sweep:
    """Return the sweep that the options describe."""
    ways = [arguments.file, arguments.preset, arguments.model]
    if sum(way is not None for way in ways) != 1:
        raise TinyMLError("A sweep needs one of FILE, --preset and --model; see `tinyml sweep --help`.")
    if bool(arguments.grid) != (arguments.model is not None):
        raise TinyMLError("--model and --grid go together; a file or preset has a grid of its own.")
    if arguments.activation and not arguments.preset:
        raise TinyMLError("--activation belongs to --preset; elsewhere it is a field of a layer.")
    if arguments.model is not None:
        sweep = _gridded(arguments, data)
    elif arguments.preset is not None:
        preset = SWEEPS[arguments.preset]
        activations = (arguments.activation,) if arguments.activation else preset.activations
        sweep = preset.build(activations, len(data.classes), data.image_shape)
    else:
        sweep = load_sweep(arguments.file)
    training = {f"train.{name}": value for name, value in given_knobs(arguments, TrainConfig).items()}
    return sweep.changed({**training, **given_knobs(arguments, Recipe)})


def _gridded(arguments: argparse.Namespace, data: Dataset) -> Sweep:
    """Return the sweep of ``--model`` and ``--grid``."""
    source = find_model(arguments.model)
    spec = source.model(data, np.random.default_rng(0), "sweep").spec
    recipe = Recipe.of(spec, TrainConfig(loss=source.loss, threads=1))
    return Sweep(arguments.model, recipe, tuple(axis_from_text(recipe, text) for text in arguments.grid))


def _train(job: _Job, console: Console) -> int:
    """Do the runs that are not in the table; return how many failed."""
    left = [run for run in job.runs if run.key not in job.file.rows]
    failed, best = 0, 0.0
    work = sum(run.config.epochs for run in left)
    events = carried_out(tasks_for(left, job.workers), job.data, job.test, job.workers)
    with console.progress(work, "epoch") as bar, closing(events):
        for event in events:
            match event:
                case Advanced():
                    bar.update(event.epochs)
                case EpochScores():
                    best = max(best, *event.accuracies.values())
                    bar.set_postfix_str(f"best {100 * best:.2f} %", refresh=False)
                case Finished() | Failed():
                    _keep(job, row_of(event, job.sweep), console)
            if isinstance(event, Failed):
                failed += 1
                console.log(f"Run {event.run.number + 1} ({event.run.words}) failed: {event.sentence}")
    job.file.append([])
    return failed


def _keep(job: _Job, row: Row, console: Console) -> None:
    """Write a row; if that fails, as with a full disk, the row is written with the next one."""
    try:
        job.file.append([row])
    except FileError as error:
        console.log(f"A result could not be written and is kept for the next attempt. {error}")


def _lines(result: dict[str, Any], best: Sequence[Row]) -> Iterator[str]:
    runs, done, failed = result["runs"], result["done"], result["failed"]
    yield f"{done:,} of {runs:,} runs done in {result['seconds']:.1f} s."
    yield f"{result['at_chance']:,} networks are at chance level."
    if failed:
        yield f"{failed:,} failed. {HOW_ON}"
    if best:
        yield "The best by their validation accuracy, in %; what they take in int8:"
        yield from table([HEADS, *(tuple(_shown(row[name]) for name in SHOWN) for row in best)], left=(2,))
    yield f"All runs are in {result['out']}."


def _shown(cell: object) -> object:
    return f"{cell:,}" if isinstance(cell, int) else "–" if cell is None else cell

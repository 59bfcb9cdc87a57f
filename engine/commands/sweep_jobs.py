"""What ``tinyml sweep`` is asked for: the runs of a grid, or a search."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.boards.boards import BOARDS
from engine.commands.options import (
    catalogue,
    count,
    given_knobs,
    option_of,
    part_for_testing,
    reader,
)
from engine.commands.sources import find_model
from engine.data import Dataset
from engine.errors import FileError, TinyMLError
from engine.knobs import Knob
from engine.sweep.course import Course, WholeGrid
from engine.sweep.description import Sweep, fingerprint_on
from engine.sweep.fields import Recipe
from engine.sweep.grid import axis_from_text
from engine.sweep.objectives import ACCURACY_ALONE, OBJECTIVES, Objective, objectives_from_text
from engine.sweep.presets import SWEEPS, load_described, load_sweep
from engine.sweep.results_file import ResultsFile
from engine.sweep.search.default_space import convolutional_space
from engine.sweep.search.plan import SAMPLERS, Plan
from engine.sweep.search.search import Search
from engine.sweep.search.space import Space, axis_or_span
from engine.sweep.search.study import Study
from engine.terminal.console import Console
from engine.training.config import TrainConfig

__all__ = ["Job", "add_search_options", "job_of"]

MOST_TRIALS = 20_000
MINUTES = Knob("minutes", float, 10.0, "Minutes", "of the search", low=0.01, high=60 * 24 * 365)
USUAL = (OBJECTIVES["accuracy"], OBJECTIVES["instructions"])
SEARCH_ONLY = ("minutes", "objective", "sampler", "halving", "board")


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a search."""
    group = parser.add_argument_group("search")
    group.add_argument(
        "--trials",
        type=count(1, MOST_TRIALS),
        metavar="N",
        help="try so many networks of the grid instead of all, led by the results so far; without FILE, "
        "--preset and --model these are convolutional networks",
    )
    group.add_argument("--minutes", type=reader(MINUTES), metavar="M", help="begin no run after M minutes")
    usual = ",".join(aim.name for aim in USUAL)
    group.add_argument(
        "--objective", metavar="A,B", help=f"aims, of {', '.join(OBJECTIVES)} (default: {usual})"
    )
    samplers = "; ".join(f"{name}: {title}" for name, title in SAMPLERS.items())
    group.add_argument("--sampler", choices=tuple(SAMPLERS), help=f"who chooses (default: tpe; {samplers})")
    group.add_argument(
        "--halving",
        action="store_true",
        default=None,
        help="end runs early whose accuracy is behind (successive halving)",
    )
    group.add_argument(
        "--board", choices=tuple(BOARDS), metavar="B", help="train only what fits this board in int8"
    )


@dataclass(frozen=True)
class Job:
    """A sweep that is ready to begin or to go on.

    Attributes
    ----------
    course : Course
    data : Dataset
    test : Dataset or None
    file : ResultsFile
    sweep : str
        The fingerprint.
    objectives : tuple of Objective
        By which its networks are compared.
    count : int
        Of its runs, at most.
    name : str
        What is swept or searched.
    """

    course: Course
    data: Dataset
    test: Dataset | None
    file: ResultsFile
    sweep: str
    objectives: tuple[Objective, ...]
    count: int
    name: str


def job_of(arguments: argparse.Namespace, console: Console, processes: int) -> Job:
    """Return what the options ask for, checked, to be done by so many processes."""
    found = catalogue(arguments)
    data = found.load(arguments.data, "train")
    _check_options(arguments)
    test = part_for_testing(found, arguments.data, console)
    if arguments.trials is not None:
        return _search_job(arguments, console, data, test)
    return _grid_job(arguments, console, data, test, processes)


def _check_options(arguments: argparse.Namespace) -> None:
    ways = [arguments.file, arguments.preset, arguments.model]
    is_search = arguments.trials is not None
    if sum(way is not None for way in ways) != 1 and not (is_search and not any(ways)):
        raise TinyMLError("A sweep needs one of FILE, --preset and --model; see `tinyml sweep --help`.")
    if bool(arguments.grid) != (arguments.model is not None):
        raise TinyMLError("--model and --grid go together; a file or preset has a grid of its own.")
    if arguments.activation and not arguments.preset:
        raise TinyMLError("--activation belongs to --preset; elsewhere it is a field of a layer.")
    idle = [name for name in SEARCH_ONLY if getattr(arguments, name) is not None]
    if idle and not is_search:
        raise TinyMLError(f"{option_of(idle[0])} belongs to a search; say with --trials how many networks.")


def _grid_job(
    arguments: argparse.Namespace, console: Console, data: Dataset, test: Dataset | None, processes: int
) -> Job:
    sweep = _sweep(arguments, data)
    runs = sweep.checked_runs(data)
    fingerprint = sweep.fingerprint(data)
    file = ResultsFile(arguments.out, fingerprint, arguments.resume)
    left = [run for run in runs if run.key not in file.rows]
    _log(console, f"Sweep {sweep.name}: {len(runs):,} runs", data, file)
    return Job(WholeGrid(left, processes), data, test, file, fingerprint, USUAL, len(runs), sweep.name)


def _search_job(arguments: argparse.Namespace, console: Console, data: Dataset, test: Dataset | None) -> Job:
    plan, space = _plan(arguments), _space(arguments, data)
    space.check(data)
    fingerprint = fingerprint_on({**space.to_json(), **plan.to_json()}, data)
    journal = Path(arguments.out).with_suffix(".journal")
    if not arguments.resume and os.path.lexists(journal):
        raise FileError(journal, "there is such a file already; give --resume to go on with it.")
    file = ResultsFile(arguments.out, fingerprint, arguments.resume)
    study = Study(journal, fingerprint, space, plan)
    _log(console, f"Search {space.name}: {plan.trials:,} trials", data, file)
    console.log(f"Its Optuna study is in {journal}.")
    search = Search(space, study, plan, data, file.rows)
    return Job(search, data, test, file, fingerprint, plan.objectives, plan.trials, space.name)


def _log(console: Console, what: str, data: Dataset, file: ResultsFile) -> None:
    known = f", {len(file.rows):,} of them in {file.path} already" if file.rows else ""
    console.log(f"{what} on {len(data):,} images of {data.name}{known}.")


def _plan(arguments: argparse.Namespace) -> Plan:
    if arguments.objective is not None:
        objectives = objectives_from_text(arguments.objective)
    else:
        objectives = ACCURACY_ALONE if arguments.halving else USUAL
    return Plan(
        arguments.trials,
        arguments.minutes or float("inf"),
        objectives,
        arguments.sampler or "tpe",
        bool(arguments.halving),
        BOARDS[arguments.board] if arguments.board else None,
    )


def _space(arguments: argparse.Namespace, data: Dataset) -> Space:
    """Return the space that the options describe."""
    if arguments.model is not None:
        recipe = _recipe(arguments, data)
        space = Space(arguments.model, recipe, tuple(axis_or_span(recipe, text) for text in arguments.grid))
    elif arguments.preset is not None:
        space = Space.of(_preset(arguments, data))
    elif arguments.file is not None:
        space = load_described(arguments.file, Space.from_json)
    else:
        space = convolutional_space(len(data.classes), data.image_shape)
    return space.changed(_given(arguments))


def _sweep(arguments: argparse.Namespace, data: Dataset) -> Sweep:
    """Return the sweep that the options describe."""
    if arguments.model is not None:
        recipe = _recipe(arguments, data)
        sweep = Sweep(arguments.model, recipe, tuple(axis_from_text(recipe, text) for text in arguments.grid))
    elif arguments.preset is not None:
        sweep = _preset(arguments, data)
    else:
        sweep = load_sweep(arguments.file)
    return sweep.changed(_given(arguments))


def _given(arguments: argparse.Namespace) -> dict[str, int | float | bool | str]:
    """Return the values by path that options give to all runs."""
    training = {f"train.{name}": value for name, value in given_knobs(arguments, TrainConfig).items()}
    return {**training, **given_knobs(arguments, Recipe)}


def _preset(arguments: argparse.Namespace, data: Dataset) -> Sweep:
    preset = SWEEPS[arguments.preset]
    activations = (arguments.activation,) if arguments.activation else preset.activations
    return preset.build(activations, len(data.classes), data.image_shape)


def _recipe(arguments: argparse.Namespace, data: Dataset) -> Recipe:
    """Return the recipe of ``--model``."""
    source = find_model(arguments.model)
    spec = source.model(data, np.random.default_rng(0), "sweep").spec
    return Recipe.of(spec, TrainConfig(loss=source.loss, threads=1))

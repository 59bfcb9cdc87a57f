"""``tinyml sweep``: train many networks, measure each, and write a table that grows run by run.

The runs come from a preset, from a file, or from a model and a grid; of a search also from a space of
convolutional networks. Before anything is trained, they are checked. The test images are used once for each
network, for the table; what is best is chosen by the validation images.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any

from engine.commands.options import add_data_dir, add_knobs, count
from engine.commands.sweep_jobs import Job, add_search_options, job_of
from engine.data import Dataset
from engine.errors import FileError, TinyMLError
from engine.files import check_disk_space, write_bytes
from engine.sweep.cluster.connection import Cluster, Tls
from engine.sweep.columns import ACCURACY, ACCURACY_INT8, CHOOSE_BY, KEY, Row, row_of
from engine.sweep.fields import Recipe
from engine.sweep.outcome import Advanced, EpochScores, Event, Failed, Finished
from engine.sweep.presets import SWEEPS
from engine.sweep.processes import carried_out
from engine.sweep.report.best_models import BestModels
from engine.sweep.report.page import report_page
from engine.sweep.results_file import table_claimed
from engine.sweep.search.search import Search
from engine.sweep.summary import summary
from engine.sweep.tasks import Task
from engine.terminal.console import Console, table
from engine.training.config import TrainConfig, usable_cores
from engine.words import short

__all__ = ["register"]

CarryOut = Callable[[Iterable[Task], Dataset, Dataset | None, Collection[int]], Generator[Event, None, None]]
TLS = {"ca": "the certificates that are trusted", "cert": "its own certificate", "key": "its own key"}

HOW_ON = "To go on, give the same command with --resume."
MOST_TEXT = 60
REPORT_BYTES = 1 << 20  # about what a page about a thousand networks needs
SHARES = 3  # fields that are told to matter
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
    "test in int8",
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
    ACCURACY_INT8,
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
    parser.add_argument(
        "--keep", metavar="FOLDER", help="save the models that no other one beats (validation and costs)"
    )
    parser.add_argument(
        "--int8", action="store_true", help="measure these models in int8 as well, on the test images"
    )
    parser.add_argument(
        "--report", metavar="FILE.html", help="write a page about all runs; it needs no other file"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the table, if there is one")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=count(1, 256),
        metavar="N",
        help="processes that train at the same time (default: one for each core)",
    )
    where.add_argument(
        "--scheduler", metavar="ADDRESS", help="train on the workers of this Dask scheduler, tcp://HOST:PORT"
    )
    for name, what in TLS.items():
        parser.add_argument(f"--tls-{name}", metavar="FILE", help=f"for a scheduler at tls://…: {what}")
    add_search_options(parser)
    add_data_dir(parser)
    add_knobs(parser, Recipe, "start")
    usual = dict.fromkeys(vars(TrainConfig()), "as the sweep says")
    add_knobs(parser, TrainConfig, "training", usual, without=("threads",))


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Train all networks that are not in the table yet, and report."""
    start = time.perf_counter()
    with (
        _cluster(arguments) if arguments.scheduler else nullcontext() as cluster,
        table_claimed(arguments.out),
    ):
        return _run(arguments, console, cluster, start)


def _cluster(arguments: argparse.Namespace) -> Cluster:
    files = [getattr(arguments, f"tls_{name}") for name in TLS]
    if any(files) and not all(files):
        raise TinyMLError("TLS needs --tls-ca, --tls-cert and --tls-key.")
    return Cluster(arguments.scheduler, Tls(*files) if all(files) else None)


def _run(arguments: argparse.Namespace, console: Console, cluster: Cluster | None, start: float) -> int:
    if arguments.report:
        check_disk_space(arguments.report, REPORT_BYTES)
    processes = cluster.threads if cluster else arguments.workers or usable_cores()
    job = job_of(arguments, console, processes)
    before = len(job.file.rows)
    best = BestModels(job.objectives, job.file.rows.values(), job.data, arguments.keep)
    try:
        failed = _train(job, best, _team(cluster, processes), console)
    except KeyboardInterrupt:
        console.log(f"{len(job.file.rows)} of {job.count} runs are in {job.file.path}. {HOW_ON}")
        raise
    if arguments.int8 and job.test is not None:
        job.file.replace(list(best.measured_in_int8(job.test, usable_cores())))
    search = _search_json(job.course) if isinstance(job.course, Search) else None
    if arguments.report:
        _write_report(arguments.report, job, {} if search is None else search["importances"])
    found = summary(job.file.rows.values(), len(job.data.classes))
    result = {
        "runs": job.count,
        "done": len(job.file.rows) - before,
        "failed": failed,
        "at_chance": found.at_chance,
        "seconds": time.perf_counter() - start,
        "best": [dict(row) for row in found.best],
        "front": [dict(job.file.rows[str(row[KEY])]) for row in best.rows],
        "search": search,
        "out": str(job.file.path),
    }
    console.show(result, _lines(result, found.best))
    return 1 if failed else 0


def _write_report(path: str, job: Job, importances: Mapping[str, Mapping[str, float]]) -> None:
    heading = f"{job.name} on {job.data.name}"
    page = report_page(list(job.file.rows.values()), len(job.data.classes), heading, importances)
    write_bytes(path, page.encode())


def _search_json(search: Search) -> dict[str, Any]:
    return {"refused": search.refused, "pruned": search.pruned, "importances": search.importances}


def _team(cluster: Cluster | None, processes: int) -> CarryOut:
    """Return what does the tasks."""
    if cluster is not None:
        return cluster.carried_out
    return lambda tasks, data, test, unwanted: carried_out(tasks, data, test, processes, unwanted)


def _train(job: Job, best: BestModels, carry_out: CarryOut, console: Console) -> int:
    """Do the runs that are not in the table; return how many failed."""
    course, failed, highest = job.course, 0, 0.0
    events = carry_out(course.tasks(), job.data, job.test, course.unwanted)
    with console.progress(course.work, "epoch") as bar, closing(events):
        for event in events:
            match event:
                case Advanced():
                    bar.update(event.epochs)
                case EpochScores():
                    course.judge(event)
                    highest = max(highest, *event.accuracies.values())
                    bar.set_postfix_str(f"best {100 * highest:.2f} %", refresh=False)
                case Finished() | Failed() if course.is_wanted(event):
                    _keep(job, best, event, console)
                    failed += isinstance(event, Failed)
    job.file.append([])
    return failed


def _keep(job: Job, best: BestModels, event: Finished | Failed, console: Console) -> None:
    """Write a row; if that fails, as with a full disk, the row is written with the next one."""
    if isinstance(event, Failed):
        console.log(f"Run {event.run.number + 1} ({event.run.words}) failed: {event.sentence}")
    else:
        event = job.course.measured(event)
    row = row_of(event, job.sweep)
    try:
        job.file.append([row])
    except FileError as error:
        console.log(f"A result could not be written and is kept for the next attempt. {error}")
    job.course.ended(event, row)
    if isinstance(event, Finished):
        try:
            best.take(event, row)
        except FileError as error:
            console.log(f"A model could not be saved. {error}")


def _lines(result: dict[str, Any], best: Sequence[Row]) -> Iterator[str]:
    runs, done, failed = result["runs"], result["done"], result["failed"]
    yield f"{done:,} of {runs:,} runs done in {result['seconds']:.1f} s."
    yield f"{result['at_chance']:,} networks are at chance level."
    if failed:
        yield f"{failed:,} failed. {HOW_ON}"
    if result["search"]:
        yield from _search_lines(result["search"])
    if best:
        yield "The best by their validation accuracy, in %; what they take in int8:"
        yield from table([HEADS, *(tuple(_shown(row[name]) for name in SHOWN) for row in best)], left=(2,))
    yield f"All runs are in {result['out']}."


def _search_lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['refused']:,} networks were refused before training; {found['pruned']:,} ended early."
    for title, shares in found["importances"].items():
        first = sorted(shares.items(), key=lambda item: -item[1])[:SHARES]
        yield f"What matters for {title}: " + ", ".join(f"{name} {share:.0%}" for name, share in first) + "."


def _shown(cell: object) -> object:
    if isinstance(cell, str):
        return short(cell, MOST_TEXT)
    return f"{cell:,}" if isinstance(cell, int) else "–" if cell is None else cell

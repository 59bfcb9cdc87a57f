"""``tinyml runs``: the history of training runs, of commands and windows alike."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.runs.differences import differences
from engine.runs.history import History, runs_folder
from engine.runs.run import Run
from engine.terminal.console import Console, percent, table
from engine.words import short

__all__ = ["register"]

RUN_HELP = "a run's name in the list, the beginning or end of it, or “last”"
Action = Callable[[argparse.Namespace, History, Console], None]
SHOWN = 40  # characters of a value in a table


def register(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command."""
    parser.set_defaults(run=run, action=_list, runs_dir=None, removed=False)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    _add_action(actions, "list", _list, "list all runs, the latest first (default)").add_argument(
        "--removed", action="store_true", default=argparse.SUPPRESS, help="also name those to bring back"
    )
    _add_action(actions, "show", _show, "tell everything about a run")
    _add_action(actions, "compare", _compare, "show in what runs differ, and nothing else").add_argument(
        "others", metavar="RUN", nargs="+", help="the runs to compare it with"
    )
    _add_action(actions, "remove", _remove, "take a run out of the history").add_argument(
        "--undo", action="store_true", help="bring a removed run back"
    )
    _add_action(actions, "note", _note, "write a note on a run; an empty one removes it").add_argument(
        "text", metavar="TEXT", help="what to keep in mind about it"
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what ``tinyml runs …`` asks."""
    action: Action = arguments.action
    action(arguments, History(Path(arguments.runs_dir or runs_folder())), console)
    return 0


def _add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, action: Action, text: str
) -> argparse.ArgumentParser:
    """Add an action with the options that all of them have."""
    parser = actions.add_parser(name, help=text, description=text.capitalize() + ".", allow_abbrev=False)
    parser.set_defaults(action=action)
    if action is not _list:
        parser.add_argument("named", metavar="RUN", help=RUN_HELP)
    for option in ("--json", "--debug"):
        parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(
        "--runs-dir", metavar="DIR", default=argparse.SUPPRESS, help="the history's folder, as in TINYML_RUNS"
    )
    return parser


def _list(arguments: argparse.Namespace, history: History, console: Console) -> None:
    found = history.all()
    for fault in found.faults:
        console.log(fault)
    removed = history.removed() if arguments.removed else []
    lines = _table(found.runs) if found.runs else ["No run has been noted yet; train a network first."]
    lines += [f"removed: {key}" for key in removed]
    result = {"runs": [_summary(run) for run in found.runs], "faults": found.faults, "removed": removed}
    console.show({"folder": str(history.folder), **result}, lines)


def _table(runs: list[Run]) -> list[str]:
    heads = ("run", "began", "model", "data", "epochs", "validation", "test", "ended", "note")
    rows = [
        (
            run.key,
            f"{run.began.astimezone():%Y-%m-%d %H:%M}",
            short(run.name, SHOWN),
            short(run.record.data or "–", SHOWN),
            len(run.history),
            percent(run.validation),
            percent(run.accuracy),
            run.record.reason or "–",
            short(run.note, SHOWN),
        )
        for run in runs
    ]
    return table([heads, *rows], left=(0, 1, 2, 3, 7, 8))


def _summary(run: Run) -> dict[str, Any]:
    whole = run.to_json()
    names = ("began", "seconds", "name", "source", "fingerprint", "parameters", "note")
    figures = {"data": run.record.data, "epochs": len(run.history), "reason": run.record.reason}
    return {
        "run": run.key,
        **{name: whole[name] for name in names},
        **figures,
        "validation_accuracy": run.validation,
        "test_accuracy": run.accuracy,
    }


def _show(arguments: argparse.Namespace, history: History, console: Console) -> None:
    run = history.get(arguments.named)
    weights = history.weights(run.key)
    result = {"run": run.key, **run.to_json(), "weights": weights and str(weights)}
    console.show(result, _description(run, weights))


def _description(run: Run, weights: Path | None) -> Iterator[str]:
    record = run.record
    facts = [
        ("run", run.key),
        ("model", f"{run.name}, {run.parameters:,} parameters, {run.fingerprint}"),
        ("began", f"{run.began.astimezone():%Y-%m-%d %H:%M:%S}, took {run.seconds:.1f} s"),
        ("data", record.data or "–"),
        *((f"SHA-256 of {name}", (record.terms or {}).get(name, "–")) for name in ("images", "labels")),
        ("ended", record.reason or "–"),
        ("test accuracy", percent(run.accuracy)),
        ("command", record.command or "asked for in the window"),
        ("weights", str(weights) if weights else "deleted, to make room for those of later runs"),
        ("note", run.note or "–"),
    ]
    yield from table(facts, left=(0, 1))
    if run.history:
        heads = ("epoch", "loss", "accuracy", "validation loss", "validation accuracy")
        rows = [
            (
                done.epoch,
                f"{done.train_loss:.4f}",
                percent(done.train_accuracy),
                f"{done.validation_loss:.4f}",
                percent(done.validation_accuracy),
            )
            for done in run.history
        ]
        yield ""
        yield from table([heads, *rows], left=())


def _compare(arguments: argparse.Namespace, history: History, console: Console) -> None:
    runs = [history.get(text) for text in (arguments.named, *arguments.others)]
    rows = differences(runs)
    heads = ("differs in", *(run.key for run in runs))
    shown = [(row.name, *(_cell(value) for value in row.values)) for row in rows]
    lines = table([heads, *shown], left=range(len(heads))) if rows else ["They do not differ."]
    result = {"runs": [run.key for run in runs], "differences": {row.name: row.values for row in rows}}
    console.show(result, lines)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else short(value, SHOWN)


def _remove(arguments: argparse.Namespace, history: History, console: Console) -> None:
    if arguments.undo:
        key = history.key_of(arguments.named, removed=True)
        history.bring_back(key)
        console.show({"brought_back": key}, [f"{key} is in the history again."])
    else:
        key = history.key_of(arguments.named)
        history.remove(key)
        console.show(
            {"removed": key}, [f"{key} was removed; `tinyml runs remove --undo {key}` brings it back."]
        )


def _note(arguments: argparse.Namespace, history: History, console: Console) -> None:
    run = history.note(history.key_of(arguments.named), arguments.text)
    console.show({"run": run.key, "note": run.note}, [f"Noted on {run.key}."])

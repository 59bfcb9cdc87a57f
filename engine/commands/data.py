"""``tinyml data``: list, describe, download, import and check data sets."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.commands.options import add_data_dir, add_knobs, catalogue, given_knobs, part_for_testing
from engine.data import Catalogue, Dataset, DatasetInfo, default_data_dirs
from engine.data.catalogue import user_data_dir
from engine.data.importing import READERS, TEST_PART_SEED, ImportOptions, Place, import_data, remove
from engine.data.inspection import NOTHING_WRONG, Inspection, inspect
from engine.errors import TinyMLError
from engine.terminal.console import Console, percent, table

__all__ = ["register"]

_BAR = 40


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=run, action=_list, name=None)
    add_data_dir(parser)
    actions = parser.add_subparsers(metavar="ACTION", title="actions")
    _add_action(actions, "list", _list, "list the data sets (default)").add_argument(
        "name", nargs="?", help=argparse.SUPPRESS
    )
    _add_named(actions, "info", _info, "describe a data set")
    _add_named(actions, "download", _download, "download a data set")
    _add_named(actions, "check", _check, "look for what is wrong with a data set")
    _add_import(actions)
    _add_named(actions, "remove", _remove, "remove imported data; your own files stay")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what ``tinyml data …`` asks."""
    action: Callable[[argparse.Namespace, Console], None] = arguments.action
    action(arguments, console)
    return 0


def _add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    action: Callable[[argparse.Namespace, Console], None],
    text: str,
) -> argparse.ArgumentParser:
    """Add an action with the options that all of them have."""
    parser = actions.add_parser(name, help=text, description=text.capitalize() + ".", allow_abbrev=False)
    parser.set_defaults(action=action)
    for option in ("--json", "--debug"):
        parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    add_data_dir(parser, default=argparse.SUPPRESS)
    return parser


def _add_named(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    action: Callable[[argparse.Namespace, Console], None],
    text: str,
) -> None:
    parser = _add_action(actions, name, action, text)
    # Optional for argparse, so that the sentence for a missing name can say where names are.
    parser.add_argument("name", nargs="?", metavar="NAME", help="a data set of the list, or a folder")
    parser.set_defaults(called=name)


def _add_import(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _add_action(actions, "import", _import, "bring in labelled images in the form that you have")
    parser.add_argument(
        "path", metavar="PATH", help="a folder, table or arrays, or a zip or tar file of them"
    )
    parser.add_argument("--name", required=True, metavar="N", help="what to call the data set from now on")
    kinds = "; ".join(f"{reader.name}: {reader.title}" for reader in READERS.values())
    parser.add_argument("--kind", default="", choices=tuple(READERS), help=f"instead of looking: {kinds}")
    parser.add_argument("--replace", action="store_true", help="replace imported data of the same name")
    add_knobs(parser, ImportOptions, "what the data leave open")


def _list(arguments: argparse.Namespace, console: Console) -> None:
    if arguments.name:
        raise TinyMLError(
            f"`tinyml data list` takes no name; did you mean `tinyml data info {arguments.name}`?"
        )
    found = catalogue(arguments)
    infos = [found.info(name) for name in found.names()]
    heads = ("name", "title", "classes", "train", "test", "where")
    rows = [
        (i.name, i.title, i.classes, _number(i.train), _number(i.test), i.location or "not on this computer")
        for i in infos
    ]
    console.show({"datasets": [asdict(info) for info in infos]}, table([heads, *rows], left=(0, 1, 5)))


def _info(arguments: argparse.Namespace, console: Console) -> None:
    info = catalogue(arguments).info(_name(arguments))
    console.show(asdict(info), _describe(info))


def _describe(info: DatasetInfo) -> list[str]:
    facts = [
        ("name", info.name),
        ("title", info.title),
        ("classes", info.classes),
        ("training images", _number(info.train)),
        ("test images", _number(info.test)),
        ("where", info.location or "not on this computer"),
        ("source", info.source),
        ("licence", info.licence),
    ]
    if not info.present:
        facts.append(("how to get it", info.how_to_get))
    return table(facts, left=(0, 1))


def _download(arguments: argparse.Namespace, console: Console) -> None:
    name = _name(arguments)
    found = Catalogue(default_data_dirs(arguments.data_dir))  # the folder need not exist yet
    with console.progress(0, "B", scale=True) as bar:
        for done, total in found.download(name, arguments.data_dir):
            bar.total = total
            bar.update(done - bar.n)
    info = found.info(name)
    console.show(asdict(info), [f"{name} is in {info.location}."])


def _import(arguments: argparse.Namespace, console: Console) -> None:
    folder = Path(arguments.data_dir or user_data_dir())
    with console.progress(0, "", scale=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        imported = import_data(
            Path(arguments.path),
            Place(folder, arguments.name, arguments.replace),
            ImportOptions(**given_knobs(arguments, ImportOptions)),
            np.random.default_rng(TEST_PART_SEED),
            kind=arguments.kind,
            progress=show,
        )
    manifest = imported.manifest
    counts = " and ".join(f"{count:,} images to {part}" for part, count in manifest.images.items())
    lines = [
        f"Taken for {manifest.kind}: {counts} on, {len(manifest.classes)} classes.",
        *manifest.notes,
        f"It is in {imported.folder}; use it with --data {arguments.name}.",
    ]
    console.show({"name": arguments.name, "folder": str(imported.folder), **asdict(manifest)}, lines)


def _remove(arguments: argparse.Namespace, console: Console) -> None:
    name = _name(arguments)
    remove(Place(Path(arguments.data_dir or user_data_dir()), name))
    console.show({"removed": name}, [f"{name} was removed."])


def _check(arguments: argparse.Namespace, console: Console) -> None:
    name, found = _name(arguments), catalogue(arguments)
    train = found.load(name, "train")
    inspection = inspect(train, part_for_testing(found, name, console, "What the test part holds"))
    console.show(asdict(inspection), _inspection_lines(inspection, train))


def _inspection_lines(inspection: Inspection, data: Dataset) -> list[str]:
    most = max(inspection.class_sizes.values())
    rows = [
        (name, f"{count:,}", percent(count / len(data)), "█" * round(_BAR * count / most))
        for name, count in inspection.class_sizes.items()
    ]
    findings = inspection.findings or (NOTHING_WRONG,)
    return [*table([("class", "images", "share", ""), *rows], left=(0, 3)), "", *findings]


def _name(arguments: argparse.Namespace) -> str:
    name: str | None = arguments.name
    if name is None:
        raise TinyMLError(
            f"`tinyml data {arguments.called}` needs the name of a data set; see `tinyml data list`."
        )
    return name


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"

"""``tinyml data``: list, describe and download data sets."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from engine.commands.options import add_data_dir, catalogue
from engine.data import Catalogue, DatasetInfo, default_data_dirs
from engine.errors import TinyMLError
from engine.terminal.console import Console, table

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=run)
    actions = {"list": _list, "info": _info, "download": _download}
    parser.add_argument("action", nargs="?", default="list", choices=tuple(actions))
    parser.add_argument("name", nargs="?", metavar="NAME", help="a data set of the list")
    parser.set_defaults(actions=actions)
    add_data_dir(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what ``tinyml data …`` asks."""
    arguments.actions[arguments.action](arguments, console)
    return 0


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


def _name(arguments: argparse.Namespace) -> str:
    name: str | None = arguments.name
    if name is None:
        raise TinyMLError(
            f"`tinyml data {arguments.action}` needs the name of a data set; see `tinyml data list`."
        )
    return name


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"

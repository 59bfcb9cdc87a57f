"""Options that several commands share, and options made from knobs.

A hyper-parameter is declared once, by `engine.knobs.knob`; its option, help text, default and check follow.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.data import Catalogue, Dataset, default_data_dirs
from engine.errors import DataError, FieldError
from engine.knobs import Knob, knobs_of, whole_number
from engine.terminal.console import Console

__all__ = [
    "MODEL_HELP",
    "add_data_dir",
    "add_int8",
    "add_knobs",
    "catalogue",
    "count",
    "given_knobs",
    "option_of",
    "options_text",
    "part_for_testing",
    "reader",
]

MODEL_HELP = "a .tinyml file, or the name of a shipped model (digits, characters)"
ALIASES: Mapping[str, tuple[str, ...]] = {"learning_rate": ("--lr",)}


def add_data_dir(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add ``--data-dir``; the actions of a command that has it too give ``argparse.SUPPRESS``."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        default=default,
        help="folder that holds mnist/, emnist/ …; TINYML_DATA names further ones",
    )


def add_int8(parser: argparse.ArgumentParser) -> None:
    """Add the option that runs a network in int8."""
    parser.add_argument("--int8", action="store_true", help="in whole numbers, as on a microcontroller")


def catalogue(arguments: argparse.Namespace) -> Catalogue:
    """Return the catalogue over the data folders, or raise `DataError` if the one given is not there."""
    folder = arguments.data_dir
    if folder is not None and not Path(folder).is_dir():
        raise DataError(folder, "there is no such folder; give the one that holds mnist/, emnist/ ….")
    return Catalogue(default_data_dirs(arguments.data_dir))


def part_for_testing(
    found: Catalogue, name: str, console: Console, unmeasured: str = "The test accuracy"
) -> Dataset | None:
    """Return the test images of the data set `name`; None if there are none, and say what is not measured."""
    try:
        return found.load(name, "test")
    except DataError as error:
        console.log(f"{unmeasured} cannot be measured. {error}")
        return None


def count(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`, for ``type=``."""

    def read(text: str) -> int:
        try:
            value = whole_number(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, got {text!r}")
        return value

    return read


def option_of(name: str) -> str:
    """Return the option of the field `name`: ``--batch-size`` of batch_size."""
    return "--" + name.replace("_", "-")


def add_knobs(
    parser: argparse.ArgumentParser,
    owner: type,
    title: str,
    defaults: Mapping[str, str] = MappingProxyType({}),
    without: Container[str] = (),
) -> None:
    """Add one option for each knob of `owner`; the arguments have only the options that are given.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    owner : type
        A dataclass with knobs.
    title : str
        Of the group of options in the help text.
    defaults : mapping of str to str
        For fields whose default depends on something else: the default in words.
    without : container of str
        Fields that get no option.
    """
    group = parser.add_argument_group(title)
    for knob in knobs_of(owner):
        if knob.name in without:
            continue
        text = _help(knob, defaults.get(knob.name, str(knob.default)))
        names = (option_of(knob.name), *ALIASES.get(knob.name, ()))
        if knob.type is bool:
            group.add_argument(
                *names,
                dest=knob.name,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=text,
            )
            continue
        group.add_argument(
            *names,
            dest=knob.name,
            metavar=_metavar(knob),
            type=reader(knob),
            default=argparse.SUPPRESS,
            help=text,
        )


def given_knobs(arguments: argparse.Namespace, owner: type) -> dict[str, Any]:
    """Return the values of `owner`'s knobs that were given on the command line."""
    given = vars(arguments)
    return {knob.name: given[knob.name] for knob in knobs_of(owner) if knob.name in given}


def options_text(options: Iterable[tuple[str, Any]]) -> str:
    """Return ``--epochs 5 --nesterov …`` for pairs of field and value, quoted for a shell."""
    words: list[str] = []
    for name, value in options:
        if isinstance(value, bool):
            words.append(option_of(name) if value else option_of("no-" + name))
        else:
            words += [option_of(name), str(value)]
    return shlex.join(words)


def _metavar(knob: Knob) -> str:
    return "{" + ",".join(knob.choices) + "}" if knob.choices else knob.unit.upper() or "N"


def _help(knob: Knob, default: str) -> str:
    text = knob.doc if knob.default is False else f"{knob.doc} (default: {default})"
    return text.replace("%", "%%")


def reader(knob: Knob) -> Callable[[str], Any]:
    """Return a reader of `knob`'s values, for ``type=``."""

    def read(text: str) -> Any:
        try:
            return knob.parse(text)
        except FieldError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read

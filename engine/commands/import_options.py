"""What a user adds to a file of another program that does not say everything, as options of a command."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.sources import find_model, load_model
from engine.formats.imports import find_reader, read_with, taken
from engine.formats.reader import Imported, ReadOptions
from engine.nn.presets import PRESETS
from engine.storage.model_file import SUFFIX
from engine.storage.shipped import is_shipped

__all__ = ["add_read_options", "chosen_read_options", "load_any"]


def add_read_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that a reader may need."""
    parser.add_argument(
        "--network",
        metavar="M",
        help="the network, for files that hold only weights: a preset, a JSON description or a .tinyml file",
    )
    parser.add_argument(
        "--classes", metavar="A,B,…", help="what the outputs stand for, in order, separated by commas"
    )
    parser.add_argument(
        "--activation",
        metavar="F[,G]",
        help="function of the hidden layers, and of the outputs if that is another, for files that name none",
    )


def chosen_read_options(arguments: argparse.Namespace, usual: tuple[str, ...] | None = None) -> ReadOptions:
    """Return what the user added; without names of classes they are the `usual` ones."""
    classes = _listed(arguments.classes) or usual
    network = None
    if arguments.network in PRESETS and classes is not None:
        network = PRESETS[arguments.network].build(len(classes))
    elif arguments.network is not None:
        network = find_model(arguments.network).spec()
    return ReadOptions(network, classes, _listed(arguments.activation))


def load_any(text: str, options: ReadOptions) -> Imported:
    """Return the model that `text` names: a ``.tinyml`` file, a shipped model, a file of another program.

    Options that its reader does not use are left out; they may be meant for another file.
    """
    if is_shipped(text) or Path(text).suffix.lower() == SUFFIX:
        return Imported(load_model(text))
    path = Path(text)
    reader = find_reader(path)
    return read_with(reader, path, taken(reader, options))


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",")) if text else ()

"""Arguments that ``tinyml export`` and ``tinyml verify`` share: export options, images for test vectors."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from engine.commands.options import add_data_dir, catalogue, given_knobs
from engine.data import Dataset
from engine.errors import ExportError
from engine.export import ExportOptions

__all__ = ["add_images", "chosen_images", "chosen_options"]


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which images become test vectors."""
    parser.add_argument(
        "--data", metavar="D", help="data set whose test images become test vectors (default: random images)"
    )
    add_data_dir(parser)


def chosen_options(arguments: argparse.Namespace, defaults: Mapping[str, Any]) -> ExportOptions:
    """Return the export's options; raise `ExportError` for one that has no effect."""
    options = ExportOptions(**{**defaults, **given_knobs(arguments, ExportOptions)})
    if options.train_layers and not options.training:
        raise ExportError("--train-layers says what learns on the device; add --training or leave it out.")
    return options


def chosen_images(arguments: argparse.Namespace) -> Dataset | None:
    """Return the test images that the user wants as test vectors, if any."""
    return catalogue(arguments).load(arguments.data, "test") if arguments.data else None

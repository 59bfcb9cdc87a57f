"""``tinyml export`` and ``verify``: a model as code, and proof that the code does what the engine does."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from engine.commands.console import Console
from engine.commands.options import (
    MODEL_HELP,
    Commands,
    add_command,
    add_data_dir,
    add_knobs,
    catalogue,
    count,
    given_knobs,
)
from engine.commands.sources import load_model
from engine.data import Dataset
from engine.export import FORMATS, ExportOptions, export_model, make_vectors, suggest_name, write_files
from engine.verify import verify_host

__all__ = ["register"]

TARGETS = {"host": verify_host}


def register(commands: Commands[Any]) -> None:
    """Add the commands."""
    parser = add_command(commands, "export", export, "write a model as code for a microcontroller")
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default=next(iter(FORMATS)), help="default: %(default)s"
    )
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="folder for the files, or one file's path"
    )
    parser.add_argument("--force", action="store_true", help="allow overwriting files that exist")
    _add_images(parser)
    add_knobs(parser, ExportOptions, "options", {"name": "the model's name"})
    parser = add_command(commands, "verify", verify, "compile a model's export, run it and compare")
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--target", choices=tuple(TARGETS), default=next(iter(TARGETS)), help="where to run it"
    )
    parser.add_argument(
        "--vectors",
        type=count(1, 100_000),
        default=100,
        metavar="N",
        help="inputs to run (default: %(default)s)",
    )
    parser.add_argument("--compiler", metavar="CC", help="C compiler to use (default: CC, or the one found)")
    _add_images(parser)


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="D", help="data set whose test images become test vectors (default: random images)"
    )
    add_data_dir(parser)


def export(arguments: argparse.Namespace, console: Console) -> int:
    """Write a model as code."""
    model = load_model(arguments.model)
    given = {"name": suggest_name(model.name), **given_knobs(arguments, ExportOptions)}
    files = export_model(model, arguments.format, ExportOptions(**given), _images(arguments))
    paths = [str(path) for path in write_files(arguments.out, files, arguments.force)]
    result = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "format": arguments.format,
        "name": given["name"],
        "files": paths,
    }
    console.show(result, (f"Wrote {path}." for path in paths))
    return 0


def verify(arguments: argparse.Namespace, console: Console) -> int:
    """Compile a model's export, run it and compare; fail when anything differs."""
    model = load_model(arguments.model)
    vectors = make_vectors(model, arguments.vectors, _images(arguments))
    with console.progress(1, "part") as bar:

        def report(what: str, share: float) -> None:
            bar.set_description_str(what, refresh=False)
            bar.update(share - bar.n)

        found = TARGETS[arguments.target](model, vectors, arguments.compiler, report)
    console.show({"model": model.name, "passed": found.passed, **asdict(found)}, [found.summary()])
    return 0 if found.passed else 1


def _images(arguments: argparse.Namespace) -> Dataset | None:
    """Return the test images that the user wants as test vectors, if any."""
    return catalogue(arguments).load(arguments.data, "test") if arguments.data else None

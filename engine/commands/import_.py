"""``tinyml import``: take in a network that another program made."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.commands.import_options import add_read_options, chosen_read_options
from engine.formats import READERS
from engine.formats.imports import find_reader, read_with
from engine.shapes import describe_shape
from engine.storage import model_file
from engine.terminal.console import Console

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=import_model)
    known = "; ".join(f"{reader.title}: {reader.doc}" for reader in READERS.values())
    parser.add_argument(
        "path",
        metavar="PATH",
        help=f"the file, whose kind is recognised by its content. {known.replace('%', '%%')}",
    )
    parser.add_argument("--out", required=True, metavar="F.tinyml", help="where to save the model")
    add_read_options(parser)


def import_model(arguments: argparse.Namespace, console: Console) -> int:
    """Take in a network and save it as a model."""
    path, options = Path(arguments.path), chosen_read_options(arguments)
    reader = find_reader(path)
    found = read_with(reader, path, options)
    model = found.model.replace(name=Path(arguments.out).stem)
    model_file.save(model, arguments.out)
    result = {
        "path": str(path),
        "kind": reader.name,
        "model": model.name,
        "fingerprint": model.fingerprint,
        "classes": model.classes,
        "parameters": len(model.params),
        "remarks": found.remarks,
        "out": arguments.out,
    }
    spec = model.spec
    shapes = f"{describe_shape(spec.input_shape)} to {spec.classes} classes"
    sizes = f"{len(spec.layers)} layers, {len(model.params):,} parameters"
    lines = [f"{path} is {reader.title}: {shapes}, {sizes}.", *found.remarks, f"Saved as {arguments.out}."]
    console.show(result, lines)
    return 0

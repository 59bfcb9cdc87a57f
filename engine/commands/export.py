"""``tinyml export``: write a model as code for a microcontroller, or in another format."""

from __future__ import annotations

import argparse

from engine.boards.boards import BOARDS
from engine.commands.export_options import add_images, chosen_images, chosen_options
from engine.commands.options import (
    MODEL_HELP,
    add_knobs,
)
from engine.commands.sources import load_model
from engine.cost.choose_variant import fitted
from engine.data import Dataset
from engine.export import (
    FORMATS,
    ExportOptions,
    PreparedExport,
    Proof,
    check_files,
    prepare_export,
    suggest_name,
    write_files,
)
from engine.nn.model import Model
from engine.terminal.console import Console
from engine.terminal.progress import asking_for_interrupts
from engine.verify.certificate import Certificate, certified

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=export)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    known = "; ".join(f"{form.name}: {form.doc}" for form in FORMATS.values())
    parser.add_argument(
        "--format",
        choices=tuple(FORMATS),
        default=next(iter(FORMATS)),
        help=f"default: %(default)s. {known.replace('%', '%%')}",
    )
    parser.add_argument(
        "--out", required=True, metavar="PATH", help="folder for the files, or one file's path"
    )
    parser.add_argument("--force", action="store_true", help="allow overwriting files that exist")
    parser.add_argument(
        "--board", choices=tuple(BOARDS), help="choose the variant that fits it, refuse a model that does not"
    )
    parser.add_argument(
        "--certificate",
        metavar="C.json",
        help="certificate that tinyml verify wrote for this model; its figures go into the head comment",
    )
    parser.add_argument(
        "--no-check",
        dest="check",
        action="store_false",
        help="write the files without compiling and running their self-test on this computer first",
    )
    add_images(parser)
    add_knobs(parser, ExportOptions, "options", {"name": "the model's name"})


def export(arguments: argparse.Namespace, console: Console) -> int:
    """Write a model as code."""
    model = load_model(arguments.model)
    options = chosen_options(arguments, {"name": suggest_name(model.name)})
    proof = Certificate.load(arguments.certificate) if arguments.certificate else None
    images = chosen_images(arguments)
    prepared = _prepared(arguments, model, options, images)
    files = prepared.files
    if proof is not None:
        files = certified(files, proof, model, arguments.format, prepared.options)
    check_files(arguments.out, files, arguments.force)
    tried = _tried(arguments, model, prepared, images)
    paths = [str(path) for path in write_files(arguments.out, files, arguments.force)]
    result = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "format": arguments.format,
        "name": options.name,
        "files": paths,
        "proved": tried is not None and tried.passed,
        "proof": None if tried is None else tried.sentence,
    }
    takes = [] if tried is None else [tried.words]
    if (facts := prepared.facts) is not None:
        result |= {"ram_bytes": facts.arena_bytes, "weight_bytes": facts.weight_bytes}
        takes.append(
            f"It takes {facts.arena_bytes:,} bytes of static RAM and {facts.weight_bytes:,} bytes of flash "
            "for weights (counted); code and stack are extra."
        )
    console.show(result, [*(f"Wrote {path}." for path in paths), *takes])
    return 0


def _tried(
    arguments: argparse.Namespace, model: Model, prepared: PreparedExport, images: Dataset | None
) -> Proof | None:
    """Return the proof that the export gives the engine's answers; None if it is not to be tried out."""
    if not arguments.check:
        return None
    with asking_for_interrupts() as cancelled:
        return FORMATS[arguments.format].prove(model, prepared, images, cancelled)


def _prepared(
    arguments: argparse.Namespace, model: Model, options: ExportOptions, images: Dataset | None
) -> PreparedExport:
    """Return the prepared export, with the variant that fits the board if one is given."""
    if arguments.board is None:
        return prepare_export(model, arguments.format, options, images)
    return fitted(model, arguments.format, BOARDS[arguments.board], options, images).prepared

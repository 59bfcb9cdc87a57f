"""``tinyml verify``: run exported code and compare its outputs with the engine's."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from engine.boards.targets import TARGETS
from engine.commands.export_options import add_images, chosen_images, chosen_options
from engine.commands.options import MODEL_HELP, add_knobs, count
from engine.commands.sources import load_model
from engine.export import ExportOptions, make_vectors
from engine.files import check_disk_space
from engine.terminal.console import Console, table
from engine.terminal.progress import asking_for_interrupts
from engine.verify.certificate import Certificate, Figures, Result
from engine.verify.certificate_json import MAX_BYTES
from engine.verify.reference import REFERENCES
from engine.verify.session import OPTIMIZATIONS, Setup
from engine.verify.session import verify as verify_on

__all__ = ["register"]

ALL = "all"


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=verify)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    first = next(iter(TARGETS))
    parser.add_argument(
        "--target",
        choices=(*TARGETS, ALL),
        nargs="+",
        default=[first],
        help=f"where to run it; {ALL} takes those whose tools are installed (default: {first})",
    )
    parser.add_argument(
        "--format",
        choices=tuple(REFERENCES),
        default=next(iter(REFERENCES)),
        help="what to export it as (default: %(default)s)",
    )
    parser.add_argument(
        "--vectors",
        type=count(1, 100_000),
        default=100,
        metavar="N",
        help="inputs to run (default: %(default)s)",
    )
    parser.add_argument(
        "--compiler",
        metavar="CC",
        help="C compiler to use, such as zig or arm-none-eabi-gcc (default: what is found for each target)",
    )
    parser.add_argument(
        "--optimization", choices=OPTIMIZATIONS, default="2", help="the compiler's -O (default: %(default)s)"
    )
    parser.add_argument("--certificate", metavar="OUT.json", help="write the certificate to this file")
    add_images(parser)
    add_knobs(parser, ExportOptions, "export options", without=("name", "test_vectors"))


def verify(arguments: argparse.Namespace, console: Console) -> int:
    """Compile a model's export, run it and compare; fail when anything differs."""
    model = load_model(arguments.model)
    vectors = make_vectors(model, arguments.vectors, chosen_images(arguments))
    everywhere = ALL in arguments.target
    setup = Setup(
        arguments.compiler,
        arguments.optimization,
        chosen_options(arguments, {}),
        skip_missing=everywhere,
    )
    targets = tuple(TARGETS) if everywhere else tuple(dict.fromkeys(arguments.target))
    if arguments.certificate:
        check_disk_space(arguments.certificate, MAX_BYTES)
    with console.progress(1, "part") as bar, asking_for_interrupts() as cancelled:

        def report(what: str, share: float) -> None:
            bar.set_description_str(what, refresh=False)
            bar.update(share - bar.n)

        found = verify_on(model, arguments.format, targets, vectors, setup, report, cancelled)
    mismatches = sum(result.mismatches for result in found.results)
    result = {"model": model.name, "mismatches": mismatches, **found.to_json()}
    try:
        console.show(result, _report(found))
    finally:  # also where the report's reader has left
        if arguments.certificate:
            found.save(arguments.certificate)
            console.log(f"Wrote {arguments.certificate}.")
    return 0 if found.passed else 1


def _report(found: Certificate) -> Iterator[str]:
    yield found.summary()
    measured = [(result, figures) for result in found.results for figures in result.figures]
    if measured:
        yield ""
        yield from _figures_table(measured)
    counted = [result for result in found.results if result.network is not None and result.network.layers]
    if counted:
        yield ""
        yield from _layers_table(counted)
    for skipped in found.skipped:
        yield f"{TARGETS[skipped.target].title} was not tried: {skipped.reason}"


def _figures_table(measured: list[tuple[Result, Figures]]) -> list[str]:
    head = ("target", "function", "code", "constants", "static RAM", "stack", "an inference", "")
    rows = [
        (
            result.title,
            f.function,
            f"{f.code_bytes:,}",
            f"{f.constant_bytes:,}",
            f"{f.static_bytes:,}",
            f"{f.stack_bytes:,}",
            f"{f.mean:,.0f}" if f.counted else "–",
            ", ".join(filter(None, (f.unit, f.time_words))),
        )
        for result, f in measured
    ]
    return table([head, *rows], left=(0, 1, 7))


def _layers_table(counted: list[Result]) -> list[str]:
    """Return the counts of each stage of the bare network, one column for each target."""
    networks = [figures for result in counted if (figures := result.network) is not None]
    head = [f"{networks[0].function}, layer by layer", *(result.title for result in counted)]
    titles = [layer.title for layer in networks[0].layers]
    columns = [[f"{layer.count:,.0f}" for layer in figures.layers] for figures in networks]
    return table([head, *zip(titles, *columns, strict=True)])

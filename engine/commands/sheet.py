"""``tinyml sheet``: a page to print and write on, which ``tinyml data import`` reads back."""

from __future__ import annotations

import argparse

from engine.data.paper import PAPERS, Sheet, write_pdf
from engine.terminal.console import Console

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=sheet)
    parser.add_argument(
        "--classes",
        default="0123456789",
        metavar="CLASSES",
        help="the characters to write, 0123456789 say, or names with commas between (default: %(default)s)",
    )
    parser.add_argument("--out", required=True, metavar="SHEET.pdf", help="where to save the page")
    parser.add_argument(
        "--paper", choices=tuple(PAPERS), default="a4", help="what it is printed on (default: %(default)s)"
    )


def sheet(arguments: argparse.Namespace, console: Console) -> int:
    """Save the page."""
    text: str = arguments.classes
    names = text.split(",") if "," in text else list(text)
    made = Sheet(tuple(name.strip() for name in names), arguments.paper)
    write_pdf(made, arguments.out)
    facts = {
        "classes": list(made.classes),
        "boxes": len(made.boxes),
        "paper": made.paper,
        "out": arguments.out,
    }
    lines = [
        f"Saved {arguments.out}: {len(made.boxes)} boxes. Print it at its full size and write in the boxes.",
        "Photograph it with its four corner marks.",
        "Then: tinyml data import PHOTO.jpg --name mine",
    ]
    console.show(facts, lines)
    return 0

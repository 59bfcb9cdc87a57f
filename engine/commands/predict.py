"""``tinyml predict``: name the most probable classes of image files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.commands.options import MODEL_HELP, add_int8, count
from engine.commands.sources import load_for_drawings
from engine.data.pictures import load_ink
from engine.data.preprocess import preprocess
from engine.errors import DataError
from engine.int8.certainty import REJECTED
from engine.quantize.judge import Judge
from engine.terminal.console import Console, percent

__all__ = ["register"]

_SOME_UNREADABLE = 2  # the exit code that one unreadable image has


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=predict)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image file with one character")
    parser.add_argument(
        "--top", type=count(1, 256), default=3, metavar="N", help="classes to name (default: %(default)s)"
    )
    add_int8(parser)


def predict(arguments: argparse.Namespace, console: Console) -> int:
    """Classify images."""
    model = load_for_drawings(arguments.model)
    judge = Judge(model, arguments.int8)
    if len(arguments.images) == 1:
        results = [_answer(judge, model.classes, arguments.images[0], arguments.top)]
    else:
        results = [_answer_or_fault(judge, model.classes, path, arguments.top) for path in arguments.images]
    answers = [result for result in results if "top" in result]
    for result in results:
        if "error" in result:
            console.log(f"tinyml: {result['error']}")
    console.show({"model": model.name, "results": results}, map(_prediction_line, answers))
    return 0 if len(answers) == len(results) else _SOME_UNREADABLE


def _answer_or_fault(judge: Judge, classes: Sequence[str], path: str, number: int) -> dict[str, Any]:
    """Return the answer for one image of several, or why there is none: the others are still wanted."""
    try:
        return _answer(judge, classes, path, number)
    except DataError as error:
        return {"image": path, "error": str(error)}


def _answer(judge: Judge, classes: Sequence[str], path: str, number: int) -> dict[str, Any]:
    """Return the likeliest classes of the image at `path`, best first; none when nothing is drawn."""
    image = preprocess(load_ink(path))
    if image is None:
        return {"image": path, "top": [], "rejected": False}
    (probabilities,), (verdict,) = judge(image[None])
    if not np.isfinite(probabilities).all():
        raise DataError(path, "the network's output for it is not a number; train the network again.")
    best = np.argsort(-probabilities, kind="stable")[:number]
    top = [{"class": classes[i], "probability": float(probabilities[i])} for i in best]
    return {"image": path, "top": top, "rejected": bool(verdict == REJECTED)}


def _prediction_line(result: dict[str, Any]) -> str:
    named = ", ".join(f"{best['class']} {percent(best['probability'])}" for best in result["top"])
    doubt = "not sure, perhaps no character; nearest is " if result["rejected"] else ""
    return f"{result['image']}: {doubt}{named or 'nothing drawn'}"

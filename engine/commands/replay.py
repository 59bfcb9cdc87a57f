"""``tinyml replay``: train a model again from its record, and say whether the bits are the same."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from engine.commands.options import add_data_dir, catalogue
from engine.commands.sources import load_model
from engine.runs.replay import Comparison, compared, plan_of
from engine.terminal.console import Console
from engine.terminal.progress import TrainingDisplay, quick_switches
from engine.training.config import thread_words
from engine.training.events import Finished

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("model", metavar="F.tinyml", help="a model that this program trained")
    parser.add_argument("--data", metavar="D", help="where its data are now (default: the recorded name)")
    parser.add_argument("--start", metavar="F.tinyml", help="the trained model that it began with, if it did")
    add_data_dir(parser)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Train again and compare."""
    plan = plan_of(load_model(arguments.model))
    start = load_model(arguments.start) if arguments.start else None
    trainer = plan.trainer(catalogue(arguments).load(arguments.data or plan.data, "train"), start)
    console.log(
        f"Training {plan.model.name} again on {plan.data}: {plan.config.epochs} epochs, "
        f"{thread_words(plan.threads)}."
    )
    with quick_switches(), TrainingDisplay(console, len(plan.model.classes)) as progress:
        for event in trainer.run():
            progress.report(event)
            if isinstance(event, Finished):
                again = event.model
    found = compared(plan, again)
    console.show({"model": arguments.model, **found.to_json()}, _lines(found))
    return 0 if found.is_same else 1


def _lines(found: Comparison) -> Iterator[str]:
    if found.is_same:
        yield f"The same: all {found.parameters:,} parameters have the same bits."
    else:
        yield (
            f"Not the same: {found.different:,} of {found.parameters:,} parameters have other bits; "
            f"the largest difference is {found.largest:.3g}."
        )
    if found.other_kernels:
        yield found.other_kernels

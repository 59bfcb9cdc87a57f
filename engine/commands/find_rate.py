"""``tinyml find-rate``: find a learning rate by raising it step by step and watching the loss."""

from __future__ import annotations

import argparse
import math
import shlex
from dataclasses import asdict, replace
from itertools import groupby

import numpy as np

from engine.commands.options import add_data_dir, add_knobs, catalogue
from engine.commands.sources import find_model
from engine.commands.train import add_task, chosen_config, log_notes, settings_text
from engine.errors import TrainingError
from engine.terminal.console import Console, table
from engine.terminal.progress import quick_switches
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.rate_finder import RatePoint, calm_loss, range_test, suggest_rate

__all__ = ["register"]

UNUSED = ("epochs", "learning_rate", "schedule", "averaging", "patience")
ROWS_PER_DECADE = 4


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=run)
    add_task(parser, required=True)
    add_data_dir(parser)
    add_knobs(parser, TrainConfig, "training", {"loss": "the one that suits the model"}, without=UNUSED)
    add_knobs(parser, Augmentation, "augmentation")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Raise the rate step by step and report the loss."""
    data = catalogue(arguments).load(arguments.data, "train")
    source = find_model(arguments.model)
    config = chosen_config(arguments, source)
    model = source.model(data, np.random.default_rng(config.seed), arguments.model)
    log_notes(config, console)
    with quick_switches():
        points = list(range_test(model, data, config))
    if not points:
        raise TrainingError("The loss is no usable number even at the smallest rate; choose another loss.")
    rate = suggest_rate(points, calm_loss(model, config))
    words = shlex.join(["tinyml", "train", "--data", arguments.data, "--model", arguments.model])
    usual = replace(config, learning_rate=TrainConfig().learning_rate)  # so that settings name no rate
    command = f"{words} {settings_text(usual, ('optimizer',))} --lr {rate:g}"
    result = {"rate": rate, "command": command, "points": [asdict(point) for point in points]}
    console.show(result, [*_rows(points), "", f"A good rate to train with is {rate:g}:", f"  {command}"])
    return 0


def _rows(points: list[RatePoint]) -> list[str]:
    """Return the curve as a table with a few rows a decade, the lowest loss marked."""
    lowest = min(points, key=lambda point: point.loss)
    kept = [max(group, key=lambda point: point is lowest) for _, group in groupby(points, _row_of)]
    rows = [(f"{p.rate:.2g}", f"{p.loss:.4f}", "lowest" if p is lowest else "") for p in kept]
    return table([("rate", "loss", ""), *rows], left=(2,))


def _row_of(point: RatePoint) -> int:
    return math.floor(math.log10(point.rate) * ROWS_PER_DECADE)

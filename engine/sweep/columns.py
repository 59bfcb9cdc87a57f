"""The table of results: one row for each run, which begins with the columns of the published tables.

What those measured differs. There "RAM" was the resident memory of the program that trained, "Flash" counted
8 bytes a weight, "Prediction" timed a loop over all test images in C, and training looked at the test images
to stop early. Here RAM and flash are those of the exported C code (float32, on the board `BOARD`), the time
of that loop is the time of one image times their number, and test images serve for the report alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from engine.sweep.description import Run
from engine.sweep.outcome import Failed, Finished
from engine.words import short

__all__ = [
    "ACCURACY",
    "ACCURACY_INT8",
    "CHOOSE_BY",
    "COLUMNS",
    "FAILED",
    "KEY",
    "STATE",
    "SWEEP",
    "TEXTS",
    "Cell",
    "Row",
    "row_of",
]

Cell = str | int | float | None
Row = Mapping[str, Cell]

FAILED = "failed"
ACCURACY, CHOOSE_BY = "Accuracy", "Validation accuracy"
ACCURACY_INT8 = "Accuracy int8"  # of the networks that are best, if it is asked for
KEY, STATE, SWEEP = "Run", "State", "Sweep"
COLUMNS = (
    "Input Layer",
    "Hidden Layer",
    "Neuron per hidden layer",
    "Output",
    "RAM (kb)",
    "Flash (kb)",
    "Training Time (s)",
    "Prediction (ms)",
    ACCURACY,
    "Accuracy/Time ratio",
    "Number",
    KEY,
    STATE,
    "Message",
    "Settings",
    "Seed",
    "Epochs",
    CHOOSE_BY,
    "Validation loss",
    "Validation balanced accuracy",
    "Test loss",
    "Balanced accuracy",
    "One prediction (µs)",
    "Parameters",
    "MACs",
    "Flash float32 (bytes)",
    "RAM float32 (bytes)",
    "Instructions float32",
    "Flash int8 (bytes)",
    "RAM int8 (bytes)",
    "Instructions int8",
    ACCURACY_INT8,
    "Network",
    SWEEP,
)
"""Accuracies are in per cent."""

TEXTS = frozenset({KEY, STATE, "Message", "Settings", "Network", SWEEP})
"""The columns whose cells are text, even if it looks like a number."""


def row_of(event: Finished | Failed, sweep: str) -> Row:
    """Return the row of a run of the sweep with the fingerprint `sweep`."""
    if isinstance(event, Failed):
        cells = {**_described(event.run), STATE: FAILED, "Message": short(event.sentence)}
    else:
        cells = {**_described(event.trained.run), **_measured(event)}
    return {name: {**cells, SWEEP: sweep}.get(name) for name in COLUMNS}


def _described(run: Run) -> dict[str, Cell]:
    widths = [row.out_shape[-1] for row in run.spec.rows() if row.macs]
    hidden = widths[:-1]
    return {
        "Input Layer": math.prod(run.spec.input_shape),
        "Hidden Layer": len(hidden),
        "Neuron per hidden layer": hidden[0] if len(set(hidden)) == 1 else "-".join(map(str, hidden)),
        "Output": run.spec.classes,
        "Number": run.number + 1,
        KEY: run.key,
        "Settings": _json(dict(run.settings)),
        "Seed": run.config.seed,
        "Parameters": run.spec.parameters,
        "MACs": run.spec.macs,
        "Network": _json(run.spec.to_json()),
    }


def _measured(done: Finished) -> dict[str, Cell]:
    trained = done.trained
    validation, test, seconds = trained.validation, trained.test, trained.seconds
    plain, whole = done.costs["float32"], done.costs["int8"]
    return {
        "RAM (kb)": _rounded(plain.ram / 1000, 3),
        "Flash (kb)": _rounded(plain.flash / 1000, 3),
        "Training Time (s)": _rounded(seconds, 7),  # its share of a stack of tiny networks is short
        "Prediction (ms)": _rounded(1000 * done.prediction * test.images, 3) if test.images else None,
        ACCURACY: _percent(test.accuracy),
        "Accuracy/Time ratio": _rounded(100 * test.accuracy / seconds, 3) if seconds else None,
        STATE: trained.reason.value,
        "Epochs": trained.epochs,
        CHOOSE_BY: _percent(validation.accuracy),
        "Validation loss": _rounded(validation.loss, 5),
        "Validation balanced accuracy": _percent(validation.balanced),
        "Test loss": _rounded(test.loss, 5),
        "Balanced accuracy": _percent(test.balanced),
        "One prediction (µs)": _rounded(1e6 * done.prediction, 2),
        "Flash float32 (bytes)": _rounded(plain.flash, 0),
        "RAM float32 (bytes)": _rounded(plain.ram, 0),
        "Instructions float32": _rounded(plain.instructions, 0),
        "Flash int8 (bytes)": _rounded(whole.flash, 0),
        "RAM int8 (bytes)": _rounded(whole.ram, 0),
        "Instructions int8": _rounded(whole.instructions, 0),
    }


def _rounded(number: float, digits: int) -> float | None:
    if not math.isfinite(number):
        return None
    return round(number, digits) if digits else round(number)


def _percent(share: float) -> float | None:
    return _rounded(100 * share, 3)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""The numbers behind the charts of a sweep, as CSV."""

from __future__ import annotations

import csv
import io
import math

from tinyml_gui.viewmodels.sweep.results import MEASURES, SweepResults

__all__ = ["csv_of"]


def csv_of(results: SweepResults) -> bytes:
    """Return a line for each run of which an accuracy is known: its settings and its figures.

    Accuracies are in per cent; the last column is what the 3-D view shows.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    heads = (*(field.title for field in results.fields), *(measure.cell for measure in MEASURES))
    writer.writerow(["Run", *heads, "Accuracy²/time (%²/s)"])
    figures = [results.figures(measure) for measure in MEASURES]
    for run in results.runs:
        if not math.isnan(results.accuracies[run.number]):
            cells = [float(column[run.number]) for column in figures]
            ratio = cells[0] ** 2 / cells[-1] if cells[-1] > 0 else math.nan
            writer.writerow([run.number + 1, *results.values(run.number), *map(_cell, [*cells, ratio])])
    return stream.getvalue().encode()


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"

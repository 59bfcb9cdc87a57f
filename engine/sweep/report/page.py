"""The report of a sweep: one HTML file that needs nothing else, neither scripts nor the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from engine.sweep.columns import ACCURACY, ACCURACY_INT8, CHOOSE_BY, Cell, Row
from engine.sweep.objectives import OBJECTIVES, front
from engine.sweep.report.published import WHAT_THEY_MEASURED, Place, place_of, published
from engine.sweep.report.seeds import over_seeds
from engine.sweep.report.svg import Point, heat_map, scatter
from engine.sweep.summary import summary
from engine.words import short

__all__ = ["report_page"]

STYLE = """
:root { color-scheme: light dark; --line: #8888; --mark: #d55e00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 8px; text-align: right; border-bottom: 1px solid var(--line); }
td.words { text-align: left; max-width: 30em; overflow-wrap: anywhere; }
div.wide { overflow-x: auto; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
svg { margin: 0 1em 1em 0; }
.axis { fill: none; stroke: var(--line); }
.front { fill: none; stroke: var(--mark); }
.best { fill: var(--mark); }
.other { fill: currentColor; opacity: 0.35; }
"""
BEST = (
    ("network", "Neuron per hidden layer"),
    ("validation", CHOOSE_BY),
    ("test", ACCURACY),
    ("test in int8", ACCURACY_INT8),
    ("balanced", "Balanced accuracy"),
    ("flash", "Flash int8 (bytes)"),
    ("RAM", "RAM int8 (bytes)"),
    ("instructions", "Instructions int8"),
    ("training (s)", "Training Time (s)"),
    ("settings", "Settings"),
)
AGAINST = ("flash", "ram", "instructions", "training-time")
SHORT = 60  # characters of the settings that a point of a plot tells
MOST = 20  # lines of a table that only says what matters most
TIME = "Training Time (s)"


def report_page(
    rows: Sequence[Row],
    classes: int,
    heading: str,
    importances: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    rows : sequence of row
        Of all runs that ended well.
    classes : int
        Of the data.
    heading : str
        What was trained on what.
    importances : mapping or None
        How much each field matters for each objective of a search.
    """
    parts = [
        f"<h1>{escape(heading)}</h1>",
        *_best(rows, classes),
        *_seeds(rows),
        *_fronts(rows),
        *_importances(importances or {}),
        *_dense(rows),
    ]
    head = f'<meta charset="utf-8"><title>{escape(heading)}</title><style>{STYLE}</style>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n'
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _best(rows: Sequence[Row], classes: int) -> Iterator[str]:
    found = summary(rows, classes)
    yield (
        f"<p>{len(rows):,} networks, {found.at_chance:,} of them at chance level. Validation accuracy "
        "chooses; the test accuracy of what was chosen is only told. Accuracies are in per cent; flash, RAM "
        "and instructions are those of the int8 code, by the cost model.</p>"
    )
    yield "<h2>The best by their validation accuracy</h2>"
    yield _table([name for name, _ in BEST], ([row[column] for _, column in BEST] for row in found.best))


def _seeds(rows: Sequence[Row]) -> Iterator[str]:
    found = over_seeds(rows, CHOOSE_BY)
    if found:
        yield "<h2>Over several seeds</h2><p>Validation accuracy: mean, and its 95 % interval.</p>"
        lines: list[list[Cell]] = [
            [f"{item.mean:.2f} ± {item.half:.2f}", item.count, item.settings] for item in found[:MOST]
        ]
        yield _table(["accuracy", "seeds", "settings"], lines)


def _fronts(rows: Sequence[Row]) -> Iterator[str]:
    known = [row for row in rows if row[CHOOSE_BY] is not None]
    if not known:
        return
    yield "<h2>Accuracy against what it takes</h2>"
    yield "<p>The line joins networks that no other one beats in both.</p>"
    for name in AGAINST:
        aims = (OBJECTIVES["accuracy"], OBJECTIVES[name])
        best = {id(row) for row in front(known, aims)}
        points = [Point(aims[1].of(row), aims[0].of(row), id(row) in best, _title(row)) for row in known]
        yield scatter(points, aims[1].title, aims[1].title, "accuracy")


def _title(row: Row) -> str:
    return f"{row['Neuron per hidden layer']}: {row[CHOOSE_BY]} %, {short(row['Settings'], SHORT)}"


def _importances(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for title, shares in found.items():
        yield f"<h2>What matters for {escape(title)}</h2>"
        ranked = sorted(shares.items(), key=lambda item: -item[1])[:MOST]
        yield _table(["share", "field"], ([f"{share:.1%}", name] for name, share in ranked))


def _dense(rows: Sequence[Row]) -> Iterator[str]:
    """Yield maps over layers and neurons, and what was published about the same networks."""
    places = {place: row for row in rows if (place := place_of(row)) is not None}
    for activation in sorted({place[0] for place in places}):
        mine = {place[1:]: row for place, row in places.items() if place[0] == activation}
        if len({depth for depth, _ in mine}) < 2 or len({width for _, width in mine}) < 2:
            continue
        yield f"<h2>Layers and neurons: {escape(activation)}</h2>"
        for title, values in (
            ("test accuracy (%)", {place: _number(row[ACCURACY]) for place, row in mine.items()}),
            ("accuracy² / training time", {place: _squared(row) for place, row in mine.items()}),
        ):
            yield heat_map(values, title, "neurons", "hidden layers")
        yield from _compared(activation, mine)


def _squared(row: Row) -> float:
    seconds = _number(row[TIME])
    return (_number(row[ACCURACY]) / 100) ** 2 / seconds if seconds else 0.0


def _compared(activation: str, mine: Mapping[tuple[int, int], Row]) -> Iterator[str]:
    theirs: Mapping[Place, Mapping[str, float]] = published()
    both = {place: row for place, row in mine.items() if (activation, *place) in theirs}
    if not both:
        return
    columns = list(theirs[(activation, *next(iter(both)))])
    yield f"<h2>Beside the published table: {escape(activation)}</h2><p>{escape(WHAT_THEY_MEASURED)}</p>"
    heads = [
        "layers",
        "neurons",
        *(f"{column}, {who}" for column in columns for who in ("ours", "published")),
    ]
    lines = []
    for (depth, width), row in sorted(both.items()):
        other = theirs[activation, depth, width]
        lines.append([depth, width, *(cell for column in columns for cell in (row[column], other[column]))])
    yield _table(heads, lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>\n" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>\n{body}</table></div>'


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return f'<td class="words">{escape(value)}</td>'
    return f"<td>{'–' if value is None else format(value, ',')}</td>"


def _number(value: Cell) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0

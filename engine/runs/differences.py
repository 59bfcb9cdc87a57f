"""In what runs differ: their settings, networks, data and figures as one flat table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.runs.run import Run

__all__ = ["Difference", "differences"]


class Difference(NamedTuple):
    """A fact in which runs differ, and its value in each; None where a run has none."""

    name: str
    values: tuple[Any, ...]


def differences(runs: Sequence[Run]) -> list[Difference]:
    """Return the facts in which `runs` differ, in a fixed order."""
    facts = [dict(_facts(run)) for run in runs]
    names = dict.fromkeys(name for found in facts for name in found)
    rows = (Difference(name, tuple(found.get(name) for found in facts)) for name in names)
    return [row for row in rows if any(value != row.values[0] for value in row.values[1:])]


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    record = run.record
    yield "model", run.name
    yield from _flat("network", run.network)
    yield "parameters", run.parameters
    yield "data", record.data
    for part, value in (record.terms or {}).items():
        yield part if part == "kernels" else f"SHA-256 of {part}", value
    yield "start", record.start and record.start.fingerprint
    yield from _flat("", record.config or {})
    yield "threads used", record.threads
    yield "epochs done", len(run.history)
    yield "ended", record.reason
    for done in run.history[-1:]:
        for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
            value = getattr(done, name)
            yield name.replace("_", " "), value if math.isfinite(value) else None
    if record.metrics is not None:
        yield "test accuracy", record.metrics.accuracy
        yield "test loss", record.metrics.loss
    yield "seconds", round(run.seconds, 1)
    yield "result", run.fingerprint
    yield "note", run.note or None


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is in nested objects and lists, under names like ``layer 2 filters``."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name} {key.replace('_', ' ')}".strip(), item)
    elif name == "network layers" and isinstance(value, list):
        for place, item in enumerate(value, 1):
            yield from _flat(f"layer {place}", item)
    else:
        yield name, value

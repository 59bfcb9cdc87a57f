"""One run of the history, as a frozen value and as JSON.

It holds the record that is also in the model's file, and what only the history knows: when the run began, how
long it took, who asked for it, and the user's note.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from engine.errors import FieldError
from engine.nn.model import Model
from engine.record import EpochDone, TrainingRecord
from engine.words import is_text, short

__all__ = ["MOST_NOTE", "Run"]

VERSION: Final = 1
MOST_NOTE: Final = 2_000
"""Characters of a note."""

_FORMAT: Final = "tinyml-run"
_TEXTS: Final = ("name", "source", "fingerprint")


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes
    ----------
    key : str
        Its name in the history: when it was noted down, to the second, and four random digits.
    began : datetime
        In universal time.
    seconds : float
        How long it took.
    name : str
        Of the model.
    source : str
        Who asked for it: ``command`` or ``window``.
    fingerprint : str
        Of the model that came of it.
    parameters : int
    network : mapping
        The network's description as JSON.
    record : TrainingRecord
        Settings, data and their hashes, curves, and the figures on test images.
    note : str
        What the user wrote about it.
    """

    key: str
    began: datetime
    seconds: float
    name: str
    source: str
    fingerprint: str
    parameters: int
    network: Mapping[str, Any]
    record: TrainingRecord
    note: str = ""

    @classmethod
    def of(cls, model: Model, seconds: float, source: str, now: datetime) -> Self:
        """Return the run that has just ended with `model`, after so many seconds."""
        return cls(
            key=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            began=datetime.fromtimestamp(now.timestamp() - seconds, UTC),
            seconds=seconds,
            name=model.name,
            source=source,
            fingerprint=model.fingerprint,
            parameters=model.spec.parameters,
            network=model.spec.to_json(),
            record=model.record,
        )

    @property
    def history(self) -> tuple[EpochDone, ...]:
        """The figures of its epochs."""
        return self.record.history or ()

    @property
    def accuracy(self) -> float:
        """Share of test images that the model gets right; nan if they were not tried."""
        metrics = self.record.metrics
        return math.nan if metrics is None or metrics.accuracy is None else metrics.accuracy

    @property
    def validation(self) -> float:
        """Validation accuracy after the last epoch; nan without one."""
        return self.history[-1].validation_accuracy if self.history else math.nan

    def noted(self, note: str) -> Self:
        """Return the run with another note; raise `FieldError` if it is too long."""
        if len(note) > MOST_NOTE:
            raise FieldError("note", f"a note has at most {MOST_NOTE:,} characters, this one {len(note):,}.")
        return replace(self, note=note)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {
            "format": _FORMAT,
            "version": VERSION,
            "began": self.began.isoformat(timespec="seconds"),
            "seconds": self.seconds,
            **{name: getattr(self, name) for name in _TEXTS},
            "parameters": self.parameters,
            "network": dict(self.network),
            "record": self.record.to_json(),
            "note": self.note,
        }

    @classmethod
    def from_bytes(cls, key: str, data: bytes) -> Self:
        """Return the run in the content of a file; raise `FieldError`, whose sentence names no file."""
        try:
            value = json.loads(data, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise FieldError("run", _damaged("it is not JSON")) from error
        if not isinstance(value, Mapping) or value.get("format") != _FORMAT:
            raise FieldError("run", _damaged(f'it does not say "format": "{_FORMAT}"'))
        _check_version(value.get("version"))
        return cls._from_json(key, value)

    @classmethod
    def _from_json(cls, key: str, value: Mapping[str, Any]) -> Self:
        seconds, parameters, note = (value.get(name) for name in ("seconds", "parameters", "note"))
        right = {
            **{name: is_text(value.get(name)) for name in _TEXTS},
            "seconds": isinstance(seconds, float) and math.isfinite(seconds),
            "parameters": type(parameters) is int and parameters >= 0,
            "network": isinstance(value.get("network"), Mapping),
            "record": isinstance(value.get("record"), Mapping),
            "note": isinstance(note, str) and len(note) <= MOST_NOTE,
        }
        if wrong := [name for name, is_right in right.items() if not is_right]:
            raise FieldError(wrong[0], _damaged(f"its field {wrong[0]} is wrong or missing"))
        return cls(
            key=key,
            began=_moment(value.get("began")),
            **{name: value[name] for name in right if name != "record"},
            record=TrainingRecord.from_json(value["record"]),
        )


def _refuse(constant: str) -> None:
    """Refuse NaN and infinity, which JSON has not, and which could not be written again."""
    raise ValueError(constant)


def _damaged(what: str) -> str:
    return f"{what}; the entry is damaged, remove it."


def _check_version(version: object) -> None:
    if type(version) is not int or version < 1:
        raise FieldError("version", _damaged("its version is no number from 1 on"))
    if version > VERSION:
        raise FieldError(
            "version",
            f"a newer version of this application noted the run (version {short(version)}, this one reads up "
            f"to {VERSION}); update the application.",
        )


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise FieldError("began", _damaged("its time is none")) from error

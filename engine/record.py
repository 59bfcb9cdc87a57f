"""The record of how a model was made: frozen values, stored in files as JSON.

A file may come from another version of this program, or from an unknown source. So a field is None here if
its value in the file has the wrong type, and everything that is not understood is kept in `others`. It is
written back unchanged and in its old place: a file that is read and saved again keeps its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from typing import Any, Final, Self

__all__ = ["UNTRAINED", "EpochDone", "JsonRecord", "Metrics", "StartingPoint", "TrainingRecord"]

Json = Mapping[str, Any]
_MOST = 1 << 53  # counts are exact in a float up to here
_READER = "reader"


@dataclass(frozen=True)
class EpochDone:
    """The figures of one epoch, in which every training image was seen once.

    Attributes
    ----------
    epoch, epochs : int
        Number of this epoch, from 1 on, and of all epochs.
    train_loss, train_accuracy : float
        Means over the training images; accuracy is a share, 0 … 1.
    validation_loss, validation_accuracy : float
        The same for the validation images; nan if there are none.
    images_per_second : float
    """

    epoch: int
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    images_per_second: float


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST else None


def _number(value: object) -> float | None:
    if type(value) is float:
        return value
    return value if type(value) is int and abs(value) < _MOST else None


def _share(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _object(value: object) -> Json | None:
    return value if isinstance(value, Mapping) else None


def _texts(value: object) -> tuple[str, ...] | None:
    is_list = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return tuple(value) if is_list else None  # type: ignore[arg-type]


def _epoch(value: object) -> EpochDone | None:
    """Return the figures of an epoch; JSON has null where they are nan."""
    if not isinstance(value, Mapping) or list(value) != [f.name for f in fields(EpochDone)]:
        return None
    numbers = {name: math.nan if item is None else _number(item) for name, item in value.items()}
    return None if None in numbers.values() else EpochDone(**numbers)  # type: ignore[arg-type]


def _history(value: object) -> tuple[EpochDone, ...] | None:
    epochs = [_epoch(item) for item in value] if isinstance(value, (list, tuple)) else [None]
    return None if None in epochs else tuple(epochs)  # type: ignore[arg-type]


def _read_by(reader: Callable[[object], Any]) -> Mapping[str, Any]:
    """Return the metadata of a known field; `reader` returns None for a value that it does not allow."""
    return {_READER: reader}


def _json(value: Any) -> Any:
    """Return `value` as JSON, with null for nan and infinity (the loss of a diverged run)."""
    if isinstance(value, JsonRecord):
        return value.to_json()
    if isinstance(value, EpochDone):
        return _json(asdict(value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, (list, tuple)) else value


@dataclass(frozen=True, kw_only=True)
class JsonRecord:
    """A JSON object with known fields, of which none is required.

    Attributes
    ----------
    others : mapping
        Unknown fields that were read, and known fields with a value that is not allowed.
    order : tuple of str
        The names in the order in which they were read.
    """

    others: Json = field(default_factory=dict)
    order: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Return the record that a JSON object holds; every JSON object is accepted."""
        read = {f.name: f.metadata[_READER](value.get(f.name)) for f in cls._known_fields()}
        known = {name: item for name, item in read.items() if item is not None}
        others = {name: item for name, item in value.items() if name not in known}
        return cls(**known, others=others, order=tuple(value))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: first the fields that were read, in their old order, then new ones."""
        values = {f.name: getattr(self, f.name) for f in self._known_fields()}
        values = {**self.others, **{name: item for name, item in values.items() if item is not None}}
        fresh = (f.name for f in self._known_fields())
        names = dict.fromkeys((*self.order, *fresh, *values))
        return {name: _json(values[name]) for name in names if name in values}

    @classmethod
    def _known_fields(cls) -> list[Field[Any]]:
        return [f for f in fields(cls) if _READER in f.metadata]


@dataclass(frozen=True, kw_only=True)
class Metrics(JsonRecord):
    """What a model achieves on images that it was not trained with.

    Attributes
    ----------
    data : str or None
        Name of the data set.
    images : int or None
    accuracy : float or None
        Share of images classified correctly, 0 … 1.
    loss : float or None
        Mean loss.
    """

    data: str | None = field(default=None, metadata=_read_by(_text))
    images: int | None = field(default=None, metadata=_read_by(_count))
    accuracy: float | None = field(default=None, metadata=_read_by(_share))
    loss: float | None = field(default=None, metadata=_read_by(_number))


@dataclass(frozen=True, kw_only=True)
class StartingPoint(JsonRecord):
    """The trained model that a training began with: its fingerprint, and the command that made it."""

    fingerprint: str | None = field(default=None, metadata=_read_by(_text))
    command: str | None = field(default=None, metadata=_read_by(_text))


def _record_in(cls: type[JsonRecord]) -> Callable[[object], Any]:
    return lambda value: cls.from_json(value) if isinstance(value, Mapping) else None


def _training(value: object) -> TrainingRecord | None:
    return TrainingRecord.from_json(value) if isinstance(value, Mapping) else None


@dataclass(frozen=True, kw_only=True)
class TrainingRecord(JsonRecord):
    """How the parameters of a model were trained. A field is None if it is not known.

    Attributes
    ----------
    command : str or None
        The command line that gives the same model again.
    start : StartingPoint or None
        The trained model that it began with.
    data : str or None
        Name of the training data.
    config : mapping or None
        The training configuration, as JSON.
    threads : int or None
        Number of training threads. The result is the same to the bit only with the same number.
    history : tuple of EpochDone or None
    reason : str or None
        Why the training ended.
    pretrained_on : tuple of str or None
        Data sets that the model was trained on before this training.
    metrics : Metrics or None
        Its result on test images.
    finetuning : TrainingRecord or None
        The training with fake quantization that followed.
    terms : mapping or None
        Hashes of the training data, and the kernels that computed (`engine.training.terms.Terms`), as JSON.
    """

    command: str | None = field(default=None, metadata=_read_by(_text))
    start: StartingPoint | None = field(default=None, metadata=_read_by(_record_in(StartingPoint)))
    data: str | None = field(default=None, metadata=_read_by(_text))
    config: Json | None = field(default=None, metadata=_read_by(_object))
    threads: int | None = field(default=None, metadata=_read_by(_count))
    history: tuple[EpochDone, ...] | None = field(default=None, metadata=_read_by(_history))
    reason: str | None = field(default=None, metadata=_read_by(_text))
    pretrained_on: tuple[str, ...] | None = field(default=None, metadata=_read_by(_texts))
    metrics: Metrics | None = field(default=None, metadata=_read_by(_record_in(Metrics)))
    finetuning: TrainingRecord | None = field(default=None, metadata=_read_by(_training))
    terms: Json | None = field(default=None, metadata=_read_by(_object))

    @property
    def loss(self) -> str:
        """Name of the loss that the training minimized; empty where the configuration names none."""
        return _text((self.config or {}).get("loss")) or ""


UNTRAINED: Final = TrainingRecord()
"""The record of a model that has learned nothing."""

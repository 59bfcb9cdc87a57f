"""Make frozen dataclasses from JSON of any origin: every field is checked against its type.

Texts are limited in length and can be encoded, numbers are limited and finite, so that the values can be
shown, computed with and written again.
"""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = ["MAX_BYTES", "from_plain"]

MAX_BYTES = 1 << 20
MAX_TEXT = 2000
MAX_ITEMS = 1000
MAX_INTEGER = 1 << 63

T = TypeVar("T")


def from_plain(cls: type[T], value: object) -> T:
    """Return the dataclass `cls` that `value`, read from JSON, describes.

    Parameters
    ----------
    cls : type
        A dataclass of texts, numbers, tuples, dataclasses, and mappings of text to plain values.
    value : object
        What `json.loads` gives for what `dataclasses.asdict` gave.

    Raises
    ------
    ValueError
        Names the field that is missing, unknown or of another kind.
    """
    return _dataclass(cls, value, "certificate")  # type: ignore[no-any-return]


def _dataclass(cls: type, value: object, place: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is {_shown(value)}, not an object")
    types = get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name in value:
        if name not in fields:
            raise ValueError(f"{place} has an unknown field {_shown(name)}")
    for name, declared in fields.items():
        required = declared.default is dataclasses.MISSING and declared.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ValueError(f"{place} has no field {name}")
    return cls(**{name: _read(types[name], item, f"{place}.{name}") for name, item in value.items()})


def _read(kind: Any, value: object, place: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, place)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind)[0], value, place)
    if get_origin(kind) is Mapping:
        return _mapping(value, place)
    return _scalar(kind, value, place)


def _tuple(kind: Any, value: object, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise ValueError(f"{place} is {_shown(value)}, not a list of at most {MAX_ITEMS}")
    return tuple(_read(kind, item, f"{place}[{i}]") for i, item in enumerate(value))


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise ValueError(f"{place} is {_shown(value)}, not an object of at most {MAX_ITEMS}")
    for name in value:
        _check_text(name, f"a name in {place}")
    return {name: _scalar(_plain_type(item), item, f"{place}.{name}") for name, item in value.items()}


def _plain_type(value: object) -> Any:
    return next((kind for kind in (bool, int, float) if isinstance(value, kind)), str)


_WORDS: Mapping[Any, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _scalar(kind: Any, value: object, place: str) -> Any:
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{place} is {_shown(value)}, not {_WORDS[kind]}")
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError(f"{place} is larger than {MAX_INTEGER}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is not finite")
    return float(value) if kind is float else value


def _check_text(text: str, place: str) -> None:
    if len(text) > MAX_TEXT:
        raise ValueError(f"{place} is longer than {MAX_TEXT} characters")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"{place} holds half a character, which cannot be written")


def _shown(value: object) -> str:
    return reprlib.repr(value)

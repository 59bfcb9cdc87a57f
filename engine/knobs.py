"""A hyper-parameter is written down once, as a dataclass field made by `knob`.

The field carries its label, explanation, bounds and choices. Forms in the application, options of
the command line, range checks and JSON all read them from there, so a new field of a layer or of the
training configuration appears everywhere by being declared.
"""

from __future__ import annotations

import dataclasses
import math
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from engine.errors import FieldError

__all__ = [
    "Knob",
    "check_knobs",
    "knob",
    "knobs_from_json",
    "knobs_of",
    "knobs_to_json",
    "whole_number",
]

T = TypeVar("T")
Scalar = int | float | bool | str


@dataclass(frozen=True)
class Knob:
    """The description of one hyper-parameter.

    Attributes
    ----------
    name : str
        Field name, also the JSON key and (with dashes) the command-line option.
    type : type
        int, float, bool or str.
    default : int, float, bool or str
    label : str
        Plain words for a form.
    doc : str
        One sentence, used as tooltip and as help text.
    low, high : float or None
        Inclusive bounds of a number.
    choices : tuple of str
        Allowed values of a text field; empty for the other types.
    unit : str
        Shown after the number.
    advanced : bool
        Shown only when the user asks for more settings.
    titles : mapping of str to str
        What forms call the choices; files and the command line keep the choices themselves.
    """

    name: str
    type: type
    default: Scalar
    label: str
    doc: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    advanced: bool = False
    titles: Mapping[str, str] = field(default_factory=dict, hash=False)

    def title_of(self, choice: str) -> str:
        """Return what a form calls `choice`."""
        return self.titles.get(choice, choice.replace("_", " "))

    def check(self, value: object) -> None:
        """Raise `FieldError` unless `value` has this knob's type and lies in its range."""
        if not self._has_type(value):
            raise FieldError(
                self.name, f"{self.label} must be {_TYPE_WORDS[self.type]}, got {_shown(value)}."
            )
        if self.choices and value not in self.choices:
            allowed = ", ".join(self.choices)
            raise FieldError(self.name, f"{self.label} is {_shown(value)}; choose one of: {allowed}.")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self._check_range(value)

    def parse(self, text: str) -> Scalar:
        """Read this knob's value from `text`, as typed into a form or on the command line."""
        try:
            value: Scalar = _PARSERS[self.type](text.strip())
        except (ValueError, KeyError):
            raise FieldError(
                self.name, f"{self.label} must be {_TYPE_WORDS[self.type]}, got {text!r}."
            ) from None
        if self.type is float and _vanishes(text, value):
            raise FieldError(
                self.name, f"{self.label} is too close to 0, got {text!r}; give 0 or a larger number."
            )
        self.check(value)
        return value

    def _has_type(self, value: object) -> bool:
        if isinstance(value, bool) or self.type is bool:
            return isinstance(value, bool) and self.type is bool
        return isinstance(value, (int, float) if self.type is float else self.type)

    def _check_range(self, value: float) -> None:
        if not -math.inf < value < math.inf:  # math.isfinite fails on a whole number of 400 digits
            raise FieldError(self.name, f"{self.label} must be a finite number, got {value}.")
        if self.low is not None and value < self.low:
            raise FieldError(self.name, f"{self.label} must be at least {self.low:g}, got {_shown(value)}.")
        if self.high is not None and value > self.high:
            raise FieldError(self.name, f"{self.label} must be at most {self.high:g}, got {_shown(value)}.")


def _shown(value: object) -> str:
    """Return `value` as short text for an error message; values from a file may be of any length."""
    return f"{value:g}" if isinstance(value, float) else reprlib.repr(value)


def whole_number(text: str) -> int:
    """Return the whole number that `text` is, in plain digits; raise `ValueError` for anything else.

    Python also reads ``1_0`` and digits of other scripts, which are more often a slip than meant.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    """Return the number that `text` is, in plain digits; raise `ValueError` for anything else."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _vanishes(text: str, value: Scalar) -> bool:
    """Return whether the number that `text` says is so small that it was read as 0, as ``1e-400`` is."""
    return value == 0 and re.search("[1-9]", re.split("[eE]", text)[0]) is not None


_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_TYPE_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_PARSERS: dict[type, Callable[[str], Scalar]] = {
    int: whole_number,
    float: _number,
    str: str,
    bool: lambda text: {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
        text.lower()
    ],
}


def knob(
    default: Any,
    label: str,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | Mapping[str, str] = (),
    unit: str = "",
    advanced: bool = False,
) -> Any:
    """Declare a dataclass field that is a hyper-parameter; see `Knob` for the arguments.

    If `choices` is a mapping, its values are the titles of the choices.
    """
    facts = {"label": label, "doc": doc, "low": low, "high": high, "choices": tuple(choices)}
    titles = choices if isinstance(choices, Mapping) else {}
    shown = {"unit": unit, "advanced": advanced, "titles": titles}
    return field(default=default, metadata={"knob": {**facts, **shown}})


_KNOBS_OF: dict[type, tuple[Knob, ...]] = {}


def knobs_of(cls: type) -> tuple[Knob, ...]:
    """Return the knobs that the dataclass `cls` declares, in order."""
    if cls not in _KNOBS_OF:
        types = get_type_hints(cls)
        _KNOBS_OF[cls] = tuple(
            Knob(f.name, types[f.name], f.default, **f.metadata["knob"])  # type: ignore[arg-type]
            for f in dataclasses.fields(cls)
            if "knob" in f.metadata
        )
    return _KNOBS_OF[cls]


def check_knobs(owner: object) -> None:
    """Raise `FieldError` for the first knob of the dataclass instance `owner` that is out of range."""
    for k in knobs_of(type(owner)):
        k.check(getattr(owner, k.name))


def knobs_to_json(owner: object) -> dict[str, Scalar]:
    """Return the knob values of `owner` as a JSON object."""
    return {k.name: getattr(owner, k.name) for k in knobs_of(type(owner))}


def knobs_from_json(cls: type[T], values: Mapping[str, Any]) -> T:
    """Make a `cls` from a JSON object; absent knobs take their default, unknown ones are refused."""
    known = {k.name: k for k in knobs_of(cls)}
    for name in values:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise FieldError(name, f"unknown field {reprlib.repr(name)}; known fields are: {allowed}.")
    return cls(**{name: _coerce(known[name], value) for name, value in values.items()})


def _coerce(known: Knob, value: Any) -> Any:
    """Return `value` with the knob's type: some tools write the float 1.0 as 1 in JSON."""
    known.check(value)
    return float(value) if known.type is float else value

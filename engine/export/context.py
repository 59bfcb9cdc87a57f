"""The names in exported code: all have the model's name as prefix, so a program may hold several models."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import ExportError

__all__ = ["Context", "check_name", "suggest_name"]

MAX_NAME = 40

# Keywords of C99, C11, C23 and C++20, and names that boards' headers define as macros or types.
_KEYWORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    "char32_t class compl concept const const_cast consteval constexpr constinit continue co_await "
    "co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern "
    "false float for friend goto if inline int long main mutable namespace new noexcept not not_eq "
    "nullptr operator or or_eq private protected public register reinterpret_cast requires restrict "
    "return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using "
    "virtual void volatile wchar_t while xor xor_eq int8_t int16_t int32_t int64_t uint8_t uint16_t "
    "uint32_t uint64_t tm stdin stdout"
)
# A header with one of these names would hide the one of the compiler or of Arduino.
_HEADERS = (
    "arduino assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg "
    "stdbool stddef stdint stdio stdlib string tgmath time wchar wctype"
)
_RESERVED = frozenset(f"{_KEYWORDS} {_HEADERS}".split())


@dataclass(frozen=True)
class Context:
    """The names of a model that is exported as `name`, a checked C identifier."""

    name: str

    @property
    def upper(self) -> str:
        """The prefix of macros."""
        return self.name.upper()

    def symbol(self, *parts: object) -> str:
        """Return a prefixed function or variable name."""
        return "_".join([self.name, *(str(p) for p in parts)])

    def macro(self, name: str) -> str:
        """Return a prefixed macro name."""
        return f"{self.upper}_{name}"

    def renamed(self, text: str) -> str:
        """Return the source of a kernel with this model's prefix in place of ``tm_`` and ``TM_``."""
        return re.sub(r"\bTM_", f"{self.upper}_", re.sub(r"\btm_", f"{self.name}_", text))


def check_name(name: str) -> str:
    """Return `name`; raise `ExportError` unless it is an identifier that programs may use in C and C++."""
    suggestion = f"; try {suggest_name(name)}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or "__" in name or name.endswith("_"):
        raise ExportError(
            f"The name {name[:MAX_NAME]!r} is no C identifier: use letters, digits and single underscores, "
            f"beginning with a letter{suggestion}."
        )
    if name in _RESERVED or name.lower() in _RESERVED:
        raise ExportError(
            f"The name {name!r} has a meaning of its own in C or C++; choose another{suggestion}."
        )
    if len(name) > MAX_NAME:
        raise ExportError(f"The name {name[:MAX_NAME]!r}… is longer than {MAX_NAME} characters; shorten it.")
    return name


def suggest_name(text: str) -> str:
    """Return a C identifier that resembles `text`, such as a model's name."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[: MAX_NAME - 6].strip("_")
    if not plain or not plain[0].isalpha():
        plain = f"model_{plain}".strip("_")
    return f"{plain}_model" if plain in _RESERVED else plain

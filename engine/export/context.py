"""The names in exported code: all have the model's name as prefix, so a program may hold several models."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.errors import ExportError
from engine.export.reserved_names import reason_against

__all__ = ["Context", "check_name", "suggest_name"]

MAX_NAME = 40


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
    if reason := reason_against(name):
        raise ExportError(f"The name {name!r} {reason}; choose another{suggestion}.")
    if len(name) > MAX_NAME:
        raise ExportError(f"The name {name[:MAX_NAME]!r}… is longer than {MAX_NAME} characters; shorten it.")
    return name


def suggest_name(text: str) -> str:
    """Return a C identifier that resembles `text`, such as a model's name."""
    plain = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[: MAX_NAME - 6].strip("_")
    if not plain or not plain[0].isalpha():
        plain = f"model_{plain}".strip("_")
    return f"{plain}_model" if reason_against(plain) else plain

"""Check text from files, and make it safe to show."""

from __future__ import annotations

__all__ = ["is_text", "short"]


_MAX_TEXT = 200


def is_text(value: object) -> bool:
    """Return whether `value` is a string of at most 200 characters, such as a name."""
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def short(value: object, limit: int = _MAX_TEXT) -> str:
    """Return `value` as printable text of at most `limit` characters."""
    text = str(value)
    printable = "".join(c if c.isprintable() else "�" for c in text[:limit])
    return printable + ("…" if len(text) > limit else "")

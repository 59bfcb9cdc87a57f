"""Text from anyone, made fit to be shown."""

from __future__ import annotations

__all__ = ["is_text", "short"]


_MAX_TEXT = 200


def is_text(value: object) -> bool:
    """Whether `value` is a short text that any file or window takes."""
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def short(value: object, limit: int = _MAX_TEXT) -> str:
    """Return `value` as printable text of at most `limit` characters."""
    text = str(value)
    printable = "".join(c if c.isprintable() else "�" for c in text[:limit])
    return printable + ("…" if len(text) > limit else "")

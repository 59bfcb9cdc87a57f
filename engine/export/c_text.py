"""C text from plain values: numbers, arrays, strings, comments. Models are not known here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ExportError

__all__ = [
    "array",
    "block_comment",
    "comment_text",
    "complaint",
    "extended_comment",
    "floating",
    "guard",
    "integers",
    "macro",
    "string",
]

WIDTH = 110


def floating(value: float) -> str:
    """Return a float literal that reads back as the same float32."""
    text = f"{np.float32(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def string(text: str) -> str:
    """Return `text` as a C string literal in UTF-8, printable ASCII only."""
    return '"' + "".join(_string_byte(b) for b in text.encode()) + '"'


def _string_byte(byte: int) -> str:
    char = chr(byte)
    if char in '"\\?':  # two question marks would begin a trigraph
        return "\\" + char
    return char if " " <= char <= "~" else f"\\{byte:03o}"


def integers(values: Iterable[int]) -> list[str]:
    """Return decimal literals."""
    return [str(v) for v in values]


def array(declaration: str, values: NDArray[Any]) -> str:
    """Return the definition of a one-dimensional array of floats or integers.

    Parameters
    ----------
    declaration : str
        Type and name, such as ``static const float digits_bias``.
    values : ndarray of floats or integers, any shape

    Raises
    ------
    ExportError
        For numbers that are not finite: C has no literals for them.
    """
    flat = values.ravel()
    is_float = np.issubdtype(flat.dtype, np.floating)
    if is_float and not np.isfinite(flat).all():
        name = declaration.rpartition(" ")[2]
        raise ExportError(
            f"Not all numbers of {name} are finite: C has no literals for them; train the model again."
        )
    literals = [floating(v) for v in flat.tolist()] if is_float else integers(flat.tolist())
    return f"{declaration}[{len(literals)}] = {{\n{wrapped(literals)}\n}};\n"


def wrapped(items: Sequence[str], indent: str = "    ") -> str:
    """Return `items`, separated by commas, in lines of at most `WIDTH` characters."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 1 > WIDTH and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += item + ", "
    lines.append(line.rstrip().removesuffix(","))
    return "\n".join(lines)


def comment_text(text: str) -> str:
    """Return `text` for use inside a comment: printable ASCII that neither ends the comment nor opens one."""
    plain = text.replace("×", "x").encode("ascii", "backslashreplace").decode()
    plain = "".join(c if " " <= c <= "~" else " " for c in plain)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def block_comment(lines: Iterable[str]) -> str:
    """Return a comment of several lines, the long ones wrapped."""
    return _OPEN + _comment_lines(lines) + _CLOSE


def extended_comment(text: str, lines: Iterable[str]) -> str:
    """Return `text`, which begins with what `block_comment` gives, with more lines at the comment's end."""
    assert text.startswith(_OPEN), text[:40]
    head, close, rest = text.partition(_CLOSE)
    return head + _comment_lines(lines) + close + rest


_OPEN, _CLOSE = "/*\n", " */\n"


def _comment_lines(lines: Iterable[str]) -> str:
    body: list[str] = []
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()))
        safe = indent + comment_text(line.strip())
        body += textwrap.wrap(safe, WIDTH - 4, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "".join(f" * {line}".rstrip() + "\n" for line in body)


def macro(name: str, value: object, note: str = "") -> str:
    """Return a #define, with a note behind it."""
    end = f" /* {comment_text(note)} */" if note else ""
    return f"#define {name} {value}{end}\n"


def complaint(condition: str, sentence: str) -> str:
    """Return an #error that a compiler shows under a condition of the preprocessor."""
    return f"#if {condition}\n#error {string(sentence)}\n#endif\n"


def guard(name: str, body: str) -> str:
    """Return `body` inside an include guard."""
    return f"#ifndef {name}\n#define {name}\n\n{body}\n#endif /* {name} */\n"

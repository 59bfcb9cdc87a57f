"""The standard streams as all commands write them: no encoding is too small, and no message ends the work.

Characters that the encoding of a stream lacks get stand-ins (``x`` for ``×``). Messages that cannot be
written (their reader has left, the disk with the log is full, the terminal is gone) are dropped: hours of
training are worth more than their log. Results on standard output are not dropped in silence
(`end_output`).

No large module is imported here, because ``tinyml --help`` needs this one.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

__all__ = ["end_output", "standard_streams"]

_ERRORS = "tinyml.stand_in"
_STAND_INS = {
    "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "·": ".", "±": "+-", "µ": "u", "→": "->",
    "≤": "<=", "≥": ">=", "“": '"', "”": '"', "‘": "'", "’": "'", "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    """Return stand-ins for the characters that cannot be encoded; letters of a class name become codes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_STAND_INS.get(c) or _code(c) for c in lacking), error.end


def _code(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode()


codecs.register_error(_ERRORS, _stand_in)


class Messages(io.TextIOBase):
    """A stream for messages. Once it cannot be written, what is written to it is dropped.

    Parameters
    ----------
    stream : text stream
        Where the messages go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write `text` if that is possible."""
        if not self._lost:
            try:
                self._stream.write(text)
            except (OSError, ValueError):  # ValueError: the stream was closed
                self._lose()
        return len(text)

    def flush(self) -> None:
        """Write what is buffered if that is possible."""
        if not self._lost:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._lose()

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def _lose(self) -> None:
        self._lost = True
        _silence(self._stream)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams inside the block by ones that take all text; see the module."""
    _fill_closed_descriptors()
    output, messages = sys.stdout, sys.stderr
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = _with_stand_ins(output or nowhere)  # None if it was closed when the program began
        sys.stderr = Messages(_with_stand_ins(messages or nowhere))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = output, messages


def end_output() -> bool:
    """Flush standard output; return False, and drop the rest, if it cannot be written."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _silence(sys.stdout)
        return False
    return True


def _with_stand_ins(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_ERRORS)
    return stream


def _fill_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams.

    Otherwise the next file that is opened gets such a number, and what a library writes to standard error
    lands in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: this one


def _silence(stream: TextIO) -> None:
    """Send what `stream` still holds nowhere, or the interpreter would fail to write it when it ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
        stream.flush()

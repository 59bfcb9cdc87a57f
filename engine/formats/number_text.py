"""Read texts of numbers and words that blanks separate, as C programs write them with `printf`.

Nothing that such a text says about its sizes is believed: each number needs two characters at least, so a
count that the rest of the text cannot hold is refused before anything is made of it.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError
from engine.files import read_limited
from engine.words import short

__all__ = ["NumberText"]

MAX_BYTES: Final = 1 << 26  # two million numbers with twenty digits: more than any microcontroller holds
_WORD: Final = re.compile(rb"\S+")
_COUNT: Final = re.compile(rb"[0-9]{1,9}")
_NUMBER: Final = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_LARGEST: Final = float(np.finfo(np.float32).max)
_LONGEST: Final = 400  # characters; the largest double has 309 digits
_MOST_SHOWN: Final = 40


class NumberText:
    """The text of a file, read from its beginning to its end.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FileError
        When the file cannot be read. So do all methods, for a text that is not what they are asked for.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = read_limited(path, MAX_BYTES)
        self._place = 0

    def fault(self, reason: str) -> FileError:
        """Return the error that says `reason` about the file."""
        return FileError(self.path, reason)

    def word(self, what: str) -> bytes:
        """Return the next word; errors call it `what`."""
        found = _WORD.search(self._data, self._place)
        if found is None:
            raise self.fault(f"{what} is missing: the file ends too early; take an intact copy.")
        self._place = found.end()
        return found[0]

    def count(self, what: str) -> int:
        """Return the next word as a whole number that is not negative."""
        word = self.word(what)
        if not _COUNT.fullmatch(word):
            raise self.fault(f"{what} must be a whole number, got {_shown(word)}; take an intact copy.")
        return int(word)

    def numbers(self, count: int, what: str) -> NDArray[np.float32]:
        """Return the next `count` numbers, (count,), each rounded to float32."""
        self.check_room(count, what)
        words = islice(_WORD.finditer(self._data, self._place), count)
        values = np.fromiter((self._number(word, what) for word in words), np.float64)
        if len(values) < count:
            raise self.fault(f"{what} must be {count:,} numbers, the file has {len(values):,} of them.")
        return values.astype(np.float32)

    def check_room(self, count: int, what: str) -> None:
        """Raise `FileError` if the rest of the text cannot hold `count` numbers."""
        if 2 * count > len(self._data) - self._place + 1:
            raise self.fault(
                f"{what} must be {count:,} numbers, more than the file has; take an intact copy."
            )

    def end(self) -> None:
        """Raise `FileError` unless everything was read."""
        if _WORD.search(self._data, self._place) is not None:
            raise self.fault("the file goes on after the network's last number; take an intact copy.")

    def _number(self, found: re.Match[bytes], what: str) -> float:
        word = found[0]
        self._place = found.end()
        is_number = len(word) <= _LONGEST and _NUMBER.fullmatch(word)
        value = float(word) if is_number else np.inf
        if abs(value) > _LARGEST:
            raise self.fault(f"{what}: {_shown(word)} is no number that fits 32 bits; take an intact copy.")
        return value


def _shown(word: bytes) -> str:
    return repr(short(word.decode(errors="replace"), _MOST_SHOWN))

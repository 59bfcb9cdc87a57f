"""What decoders of weight files share: limits, and one sentence for whatever a damaged file does to them."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from engine.errors import FileError, TinyMLError
from engine.shapes import Shape, size

__all__ = ["MAX_BYTES", "Budget", "decoding", "first_entry"]

MAX_BYTES: Final = 1 << 28  # of a file, and of the arrays in it
MAX_ARRAYS: Final = 1 << 12
_ZIP: Final = b"PK\3\4"


def first_entry(head: bytes) -> str:
    """Return the name of the first entry of the zip file that begins with `head`; empty for other files."""
    if not head.startswith(_ZIP) or len(head) < 30:
        return ""
    (length,) = struct.unpack_from("<H", head, 26)
    return head[30 : 30 + length].decode(errors="replace")


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises inside the block into a `FileError` about the file `path`.

    The decoders of other projects promise no exceptions: on damaged files they raise what their innermost
    line happens to raise. What they warn of would stand beside the one sentence, and is left out.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except TinyMLError:
        raise
    except Exception as error:
        raise FileError(
            path, "the file is damaged; take an intact copy or save the weights again."
        ) from error


class Budget:
    """Counts what the arrays of a file take, and refuses more than `MAX_BYTES` before it is allocated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = self._arrays = 0

    def take(self, shape: Shape, item_bytes: int) -> None:
        """Count an array; raise `FileError` if it is one too many, or too large."""
        self._arrays += 1
        self._bytes += size(shape) * item_bytes
        if self._bytes > MAX_BYTES or self._arrays > MAX_ARRAYS:
            reason = f"its arrays are larger than the {MAX_BYTES:,} bytes, or more than the {MAX_ARRAYS:,}"
            raise FileError(self._path, f"{reason}, that a small network has.")

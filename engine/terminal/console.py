"""Where a command's output goes: results to standard output, everything else to standard error.

With ``--json`` the result is one JSON object, otherwise lines of text. A progress bar appears only on a
terminal, where a person is watching.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import FileError
from engine.files import describe_os_error

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Console", "percent", "plain", "printable", "table"]


@dataclass(frozen=True)
class Console:
    """Writes results and logs.

    Parameters
    ----------
    json : bool
        Whether the result is one JSON object instead of lines.
    """

    json: bool = False

    def show(self, result: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Write the result: `result` as JSON, or `lines` for a reader.

        JSON is in ASCII, so that its reader need not guess an encoding.

        Raises
        ------
        FileError
            When standard output cannot be written, except where its reader has left (`BrokenPipeError`).
        """
        if self.json:
            lines = [json.dumps(plain(result), allow_nan=False)]
        try:
            sys.stdout.write("".join(printable(line) + "\n" for line in lines))
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError("standard output", describe_os_error(error)) from error

    def log(self, text: str) -> None:
        """Write a line about what goes on, above a progress bar if there is one."""
        from tqdm import tqdm  # takes 40 ms, and many commands log nothing

        tqdm.write(printable(text), file=sys.stderr)

    def progress(self, total: int, unit: str, scale: bool = False) -> tqdm[Any]:
        """Return a progress bar that is silent unless standard error is a terminal."""
        from tqdm import tqdm

        return tqdm(
            total=total,
            unit=unit,
            unit_scale=scale,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
            leave=False,
        )


def plain(value: Any) -> Any:
    """Return `value` in types that JSON has: nan and infinity become None, NumPy arrays become lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def printable(text: str) -> str:
    """Return `text` without control characters: names from a file must not steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def percent(share: float) -> str:
    """Return a share of 1 as a percentage, ``97.53 %``; a dash if it is not finite."""
    return f"{100 * share:.2f} %" if math.isfinite(share) else "–"


def table(rows: Sequence[Sequence[object]], left: Iterable[int] = (0,)) -> list[str]:
    """Return `rows` (the first are the headings) as aligned lines; columns in `left` start at the left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lefts = set(left)
    return [
        "  ".join(
            cell.ljust(width) if index in lefts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]

"""Background reading of networks that other programs made, as a generator that knows no threads."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from engine.nn.model import Model

__all__ = ["TakenIn", "read"]


@dataclass(frozen=True)
class TakenIn:
    """A network of another program.

    Attributes
    ----------
    model : Model
    sentence : str
        What the file was taken for, and every remark about it.
    """

    model: Model
    sentence: str


def read(path: Path, current: Model) -> Generator[None, None, TakenIn]:
    """Read the file `path`; weights without a network are for the network and the classes of `current`."""
    from engine.formats.imports import find_reader, read_with
    from engine.formats.reader import ReadOptions

    yield from ()
    reader = find_reader(path)
    options = ReadOptions(current.spec, current.classes) if reader.weights_only else ReadOptions()
    found = read_with(reader, path, options)
    words = f"Imported {path.name} as {reader.title}; it is not saved yet."
    return TakenIn(found.model, " ".join([words, *found.remarks]))

"""What is shipped inside the application: models, the starter data set, icons and licences.

Resources are named by a path relative to this folder, ``"starter/train-labels-idx1-ubyte.gz"``, and are
opened through `importlib.resources`, so that they are found in a checkout, in an installed wheel and in
a frozen bundle alike.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import BinaryIO, cast

__all__ = ["exists", "open_binary", "read_bytes", "read_text"]


def open_binary(name: str) -> BinaryIO:
    """Open the resource `name` for reading; the stream is seekable."""
    return cast("BinaryIO", _locate(name).open("rb"))


def read_bytes(name: str) -> bytes:
    """Return the content of the resource `name`."""
    return _locate(name).read_bytes()


def read_text(name: str) -> str:
    """Return the content of the resource `name`, which is UTF-8."""
    return _locate(name).read_text(encoding="utf-8")


def exists(name: str) -> bool:
    """Tell whether there is a resource `name`."""
    return _locate(name).is_file()


def _locate(name: str) -> Traversable:
    return files("resources").joinpath(*name.split("/"))

"""Read a file of any kind that a reader knows: the kind is recognised by content."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from engine.errors import FileError, SpecError
from engine.files import file_faults, open_file
from engine.formats import READERS
from engine.formats.reader import HEAD_BYTES, Imported, Reader, ReadOptions

__all__ = ["find_reader", "read_with", "taken", "usual_suffixes"]


def usual_suffixes() -> tuple[str, ...]:
    """Return the extensions that files which can come in usually have, each once."""
    return tuple(dict.fromkeys(suffix for reader in READERS.values() for suffix in reader.suffixes))


def find_reader(path: Path) -> Reader:
    """Return the reader that knows the file `path`.

    Raises
    ------
    FileError
        When no reader knows it, or it cannot be read.
    """
    with file_faults(path), open_file(path) as stream:
        head = stream.read(HEAD_BYTES)
    for reader in READERS.values():
        if reader.recognizes(head):
            return reader
    known = ", ".join(reader.title for reader in READERS.values())
    raise FileError(path, f"this is no kind of file that can come in; these can: {known}.")


def taken(reader: Reader, options: ReadOptions) -> ReadOptions:
    """Return those of the `options` that `reader` uses."""
    return ReadOptions(**{name: getattr(options, name) for name in reader.takes})


def read_with(reader: Reader, path: Path, options: ReadOptions) -> Imported:
    """Return the model that `reader` finds in the file `path`, named like the file.

    Raises
    ------
    FileError
        Naming the layer that cannot come in, or the option that the reader does not use, and what to do.
    MissingToolError
        When the reader needs a package that is not installed.
    """
    for field in fields(options):
        if getattr(options, field.name) and field.name not in reader.takes:
            raise FileError(path, f"{reader.title} says its {field.name} itself; leave that option out.")
    if reader.weights_only and options.network is None:
        reason = f"{reader.title} are numbers without a network; name the network that they belong to"
        raise FileError(path, f"{reason} (--network: a preset, a JSON description or a model).")
    try:
        found = reader.read(path, options)
    except SpecError as error:
        raise FileError(path, str(error)) from error
    return replace(found, model=found.model.replace(name=path.stem))

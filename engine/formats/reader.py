"""Readers: how a network that another program made comes in.

A reader belongs to one kind of file. It recognises its files by their content, because a name says little:
several programs use the same extension. It returns a model like any other, and what it had to assume or to
change on the way, as sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import FileError
from engine.nn.model import Model
from engine.nn.specs import ModelSpec

__all__ = ["HEAD_BYTES", "Imported", "ReadOptions", "Reader", "class_names"]

HEAD_BYTES = 4096
"""How much of a file a reader sees when it is asked whether it knows the file."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user adds to a file that does not say everything.

    Attributes
    ----------
    network : ModelSpec or None
        The network, for files that hold weights only.
    classes : tuple of str or None
        What the outputs stand for, for files that do not name them.
    activations : tuple of str
        The functions of the hidden layers and of the outputs, for files that do not name them.
    """

    network: ModelSpec | None = None
    classes: tuple[str, ...] | None = None
    activations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """A model that was read, and what its user should know of it.

    Attributes
    ----------
    model : Model
    remarks : tuple of str
        One sentence for each thing that was assumed or changed, such as class names that the file lacks.
    """

    model: Model
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reader:
    """One kind of file that can come in.

    Attributes
    ----------
    name : str
        As on the command line; the same as that of the export format, where there is one.
    title, doc : str
        For people.
    suffixes : tuple of str
        The usual extensions, in lower case and with their dot: for file dialogs and drag and drop.
    recognizes : callable
        ``recognizes(head)`` tells from the first `HEAD_BYTES` bytes whether the file is of this kind.
    read : callable
        ``read(path, options)`` returns an `Imported`. It raises `FileError`, or `SpecError` without the path,
        whose sentence names the node or layer that cannot come in, and `MissingToolError` where a package is
        missing. It is called by `engine.formats.imports.read_with`, which adds the path.
    takes : frozenset of str
        The fields of `ReadOptions` that it uses.
    weights_only : bool
        Whether its files describe no network, so that `ReadOptions.network` must.
    """

    name: str
    title: str
    doc: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[bytes], bool]
    read: Callable[[Path, ReadOptions], Imported]
    takes: frozenset[str] = frozenset({"classes"})
    weights_only: bool = False


def class_names(path: Path, options: ReadOptions, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names for `count` outputs that the file `path` does not name, and the remarks about them.

    Raises
    ------
    FileError
        When the user gave another number of names.
    """
    if options.classes is None:
        names = tuple(map(str, range(count)))
        shown = names[0] if count == 1 else f"{names[0]} to {names[-1]}"
        return names, (f"The file does not name its classes: they are called {shown} (--classes).",)
    if len(options.classes) != count:
        reason = f"the network has {count} outputs, but {len(options.classes)} class names were given"
        raise FileError(path, f"{reason}; give one for each output.")
    return options.classes, ()

"""The formats that a model can be exported to, each one writer; and the way in to all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.export.facts import Facts
from engine.export.options import ExportOptions
from engine.export.vectors import Vectors, make_vectors
from engine.export.writers import c_float32, c_int8, c_training
from engine.nn.model import Model

__all__ = ["FORMATS", "Format", "export_model", "export_with_vectors"]

Files = Mapping[str, str]


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes
    ----------
    name : str
        As on the command line.
    title, doc : str
        For people.
    write : callable
        ``write(model, options, vectors)`` gives the files, name to text.
    measure : callable
        ``measure(model, options)`` gives the figures of those files.
    learns : bool
        Whether the code can learn on the device (`ExportOptions.training`).
    """

    name: str
    title: str
    doc: str
    write: Callable[[Model, ExportOptions, Vectors | None], Files]
    measure: Callable[[Model, ExportOptions], Facts]
    learns: bool = False


def _write_float32(model: Model, options: ExportOptions, vectors: Vectors | None) -> Files:
    write = c_training.write if options.training else c_float32.write
    return write(model, options, vectors)


def _measure_float32(model: Model, options: ExportOptions) -> Facts:
    measure = c_training.measure if options.training else c_float32.measure
    return measure(model, options)


def _write_int8(model: Model, options: ExportOptions, vectors: Vectors | None) -> Files:
    write = c_training.write_int8 if options.training else c_int8.write
    return write(model, options, vectors)


def _measure_int8(model: Model, options: ExportOptions) -> Facts:
    measure = c_training.measure_int8 if options.training else c_int8.measure
    return measure(model, options)


FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format(
            "c-float32",
            "C, float32",
            "C99 in real numbers: four times the memory of int8",
            _write_float32,
            _measure_float32,
            learns=True,
        ),
        Format(
            "c-int8",
            "C, int8",
            "C99 in whole numbers: a quarter of the memory",
            _write_int8,
            _measure_int8,
            learns=True,
        ),
    )
}
"""Every format by name."""


def export_model(
    model: Model, name: str, options: ExportOptions, data: Dataset | None = None
) -> Mapping[str, str]:
    """Return `model` as files of the format `name`: file name to text. Nothing is written.

    Parameters
    ----------
    model : Model
    name : str
        A key of `FORMATS`.
    options : ExportOptions
    data : Dataset or None
        Where test vectors are taken from; random images without it.

    Raises
    ------
    ExportError
        When there is no such format, or it cannot express the model.
    """
    vectors = make_vectors(model, options.test_vectors, data) if options.test_vectors else None
    return export_with_vectors(model, name, options, vectors)


def export_with_vectors(
    model: Model, name: str, options: ExportOptions, vectors: Vectors | None
) -> Mapping[str, str]:
    """Return what `export_model` does, with test vectors that are already made."""
    if name not in FORMATS:
        raise ExportError(f"There is no format {name!r}; choose one of: {', '.join(FORMATS)}.")
    if options.training and not FORMATS[name].learns:
        learning = ", ".join(f.name for f in FORMATS.values() if f.learns)
        raise ExportError(
            f"Code in the format {name} cannot learn; choose {learning} or export without training."
        )
    return FORMATS[name].write(model, options, vectors)

"""``genann``: a dense network as Genann text, with a C program that runs it."""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.read_back import prove_by_reading
from engine.formats.genann_files import read
from engine.formats.genann_files.write import write
from engine.nn.model import Model
from engine.nn.specs import ModelSpec

__all__ = ["FORMAT"]


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    written = write(model, options.name)
    return PreparedExport(options, lambda: written.files)


def _network(model: Model) -> ModelSpec:
    return write(model, "model").network


FORMAT = Format(
    "genann",
    "Genann",
    "a dense network as text, with a C program that runs it",
    _prepare,
    proof=prove_by_reading(read.READER, ".ann", _network),
)

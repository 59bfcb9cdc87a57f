"""``sequential``: a network of convolutions, pooling and dense layers as text."""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.read_back import prove_by_reading
from engine.formats.sequential_files import read
from engine.formats.sequential_files.write import write
from engine.nn.model import Model

__all__ = ["FORMAT"]

SUFFIX = ".txt"


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    text = write(model)
    return PreparedExport(options, lambda: {f"{options.name}{SUFFIX}": text})


FORMAT = Format(
    "sequential",
    "Sequential text",
    "sigmoid convolutions, pooling and dense layers as text",
    _prepare,
    proof=prove_by_reading(read.READER, SUFFIX),
)

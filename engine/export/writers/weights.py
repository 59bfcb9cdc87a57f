"""``npz`` and ``csv``: the arrays of a network, as a PyTorch ``state_dict`` has them."""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.read_back import prove_by_reading
from engine.formats.weight_files import pytorch
from engine.formats.weight_files.write import csv_files, npz_bytes
from engine.nn.model import Model

__all__ = ["CSV", "NPZ"]

SUFFIX = ".npz"


def _prepare_npz(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    return PreparedExport(options, lambda: {f"{options.name}{SUFFIX}": npz_bytes(model)})


def _prepare_csv(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    def contents() -> dict[str, str | bytes]:
        return {f"{options.name}_csv/{path}": text for path, text in csv_files(model).items()}

    return PreparedExport(options, contents)


NPZ = Format(
    "npz",
    pytorch.NPZ.title,
    "the weights as NumPy arrays, named and ordered like a state_dict",
    _prepare_npz,
    proof=prove_by_reading(pytorch.NPZ, SUFFIX, lambda model: model.spec),
)
CSV = Format("csv", "Weights as CSV", "the weights as tables, ordered like a state_dict", _prepare_csv)

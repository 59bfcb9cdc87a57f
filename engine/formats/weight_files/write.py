"""Write the arrays of a network as PyTorch has them: names, axes, and channels first where it flattens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.formats.weight_files.conventions import PYTORCH
from engine.nn.model import Model
from engine.nn.param import FloatArray
from engine.nn.param_layout import ParamLayout
from engine.shapes import describe_shape
from engine.storage.zip_archive import array_bytes, pack

__all__ = ["csv_files", "npz_bytes"]

_MAX_BYTES = 1 << 29


@dataclass(frozen=True, eq=False)
class _Entry:
    """One array: its name in a state dict, the title of its layer, its values."""

    name: str
    title: str
    values: FloatArray


def npz_bytes(model: Model) -> bytes:
    """Return the arrays of `model` as an NPZ file."""
    entries = ((f"{entry.name}.npy", array_bytes(entry.values)) for entry in _entries(model))
    return pack(entries, _MAX_BYTES)


def csv_files(model: Model) -> dict[str, str]:
    """Return each array of `model` as a CSV file with a row for each output, and a list of them."""
    entries = list(_entries(model))
    rows = [f"{entry.name}.csv,{entry.title},{describe_shape(entry.values.shape)}" for entry in entries]
    listed = {"arrays.csv": "\n".join(["file,layer,shape", *rows]) + "\n"}
    return listed | {f"{entry.name}.csv": _csv(entry.values) for entry in entries}


def _entries(model: Model) -> Iterator[_Entry]:
    layout = ParamLayout(model.spec)
    for row, order in zip(model.spec.rows(), PYTORCH.orders(model.spec), strict=True):
        slots = PYTORCH.slots_of(row.layer, row.in_shape)
        for name, values in layout.layer(row.index, model.params).items():
            slot = slots[name]
            yield _Entry(f"{row.index}.{slot.role}", row.layer.title, slot.written(values, order))


def _csv(values: FloatArray) -> str:
    table = values.reshape(len(values), -1) if values.ndim > 1 else values[:, np.newaxis]
    return "".join(",".join(f"{value:.9g}" for value in line) + "\n" for line in table.tolist())

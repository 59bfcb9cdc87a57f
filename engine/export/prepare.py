"""Prepare an export of a model in a format that is given by name."""

from __future__ import annotations

from collections.abc import Mapping

from engine.data.dataset import Dataset
from engine.errors import ExportError
from engine.export.formats import PreparedExport
from engine.export.options import ExportOptions
from engine.export.writers import FORMATS
from engine.nn.model import Model

__all__ = ["export_model", "prepare_export"]


def prepare_export(
    model: Model, name: str, options: ExportOptions, data: Dataset | None = None
) -> PreparedExport:
    """Return `model` in the format `name`, planned and not yet written; see `Format.prepare`.

    Raises
    ------
    ExportError
        When there is no such format, or it cannot express the model.
    """
    if name not in FORMATS:
        raise ExportError(f"There is no format {name!r}; choose one of: {', '.join(FORMATS)}.")
    return FORMATS[name].prepare(model, options, data)


def export_model(
    model: Model, name: str, options: ExportOptions, data: Dataset | None = None
) -> Mapping[str, str]:
    """Return the texts of `model` in a format of nothing but texts, such as C, by file name."""
    files = prepare_export(model, name, options, data).files
    return {path: content.decode() for path, content in files.items()}

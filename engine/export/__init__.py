"""Export models as code and files: `prepare_export` plans an export, `write_files` writes its files."""

from __future__ import annotations

from engine.export.context import check_name, suggest_name
from engine.export.formats import Format, PreparedExport, Proof
from engine.export.options import ExportOptions
from engine.export.output import check_files, write_files
from engine.export.prepare import export_model, prepare_export
from engine.export.vectors import Vectors, make_vectors
from engine.export.writers import FORMATS

__all__ = [
    "FORMATS",
    "ExportOptions",
    "Format",
    "PreparedExport",
    "Proof",
    "Vectors",
    "check_files",
    "check_name",
    "export_model",
    "make_vectors",
    "prepare_export",
    "suggest_name",
    "write_files",
]

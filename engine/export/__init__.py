"""Models as code for microcontrollers: `export_model` makes the text, `write_files` puts it on the disk."""

from __future__ import annotations

from engine.export.context import check_name, suggest_name
from engine.export.formats import FORMATS, Format, export_model
from engine.export.options import ExportOptions
from engine.export.output import write_files
from engine.export.vectors import Vectors, make_vectors

__all__ = [
    "FORMATS",
    "ExportOptions",
    "Format",
    "Vectors",
    "check_name",
    "export_model",
    "make_vectors",
    "suggest_name",
    "write_files",
]

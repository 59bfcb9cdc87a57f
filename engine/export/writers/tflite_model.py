"""``tflite`` and ``tflite-int8``: one TensorFlow Lite file, for whatever takes such files further."""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.formats.tflite_files.write import tflite_file
from engine.nn.model import Model

__all__ = ["FORMAT", "INT8_FORMAT"]


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    return PreparedExport(options, lambda: {_path(options): tflite_file(model, options.name, int8=False)})


def _prepare_int8(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    return PreparedExport(options, lambda: {_path(options): tflite_file(model, options.name, int8=True)})


def _path(options: ExportOptions) -> str:
    return f"{options.name}.tflite"


FORMAT = Format(
    "tflite", "TensorFlow Lite", "a model file in floats, with the names of the classes", _prepare
)

INT8_FORMAT = Format(
    "tflite-int8",
    "TensorFlow Lite, int8",
    "a model file in int8, for TensorFlow Lite Micro, STM32Cube.AI, Vela or Edge Impulse",
    _prepare_int8,
)

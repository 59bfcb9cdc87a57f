"""The export formats: one module each, and their registry `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping

from engine.export.formats import Format
from engine.export.writers import (
    arduino,
    c_float32,
    c_int8,
    genann,
    onnx_files,
    raspberry_pi,
    sequential,
    tflite_model,
    web,
    weights,
)

__all__ = ["FORMATS"]

FORMATS: Mapping[str, Format] = {
    made.name: made
    for made in (
        c_float32.FORMAT,
        c_int8.FORMAT,
        arduino.FORMAT,
        tflite_model.FORMAT,
        tflite_model.INT8_FORMAT,
        genann.FORMAT,
        sequential.FORMAT,
        weights.NPZ,
        weights.CSV,
        onnx_files.FLOAT32,
        onnx_files.INT8,
        web.FORMAT,
        raspberry_pi.FORMAT,
    )
}
"""Every format by name."""

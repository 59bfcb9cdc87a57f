"""Formats of other programs: readers for what comes in, and what their writers share with them.

One module or package for each format, and `READERS`, the table of those that can come in. What goes out
is in `engine.export.writers`, whose formats call the modules here.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.formats import onnx_files
from engine.formats.genann_files import read as genann
from engine.formats.reader import Reader
from engine.formats.sequential_files import read as sequential
from engine.formats.tflite_files import read as tflite_files
from engine.formats.weight_files import keras, pytorch

__all__ = ["READERS"]

_READERS: tuple[Reader, ...] = (
    tflite_files.READER,
    genann.READER,
    sequential.READER,
    pytorch.SAFETENSORS,
    pytorch.NPZ,
    pytorch.PT,
    keras.HDF5,
    keras.ARCHIVE,
    onnx_files.READER,
)

READERS: Mapping[str, Reader] = {reader.name: reader for reader in _READERS}
"""Every reader by name, in the order in which they are asked whether they know a file."""

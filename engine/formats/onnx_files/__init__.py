"""ONNX: networks of other programs come in, and ours go out, in float32 or as int8 with QDQ nodes.

`write.py` makes files; `float_nodes.py` and `int8_nodes.py` have the table of kernel calls and their nodes.
`reading/` reads them; its `operators.py` has the table of the operators that a network may consist of.
"""

from __future__ import annotations

from engine.formats.onnx_files.reading.read import READER
from engine.formats.onnx_files.run import run_images
from engine.formats.onnx_files.write import write_float32, write_int8

__all__ = ["READER", "run_images", "write_float32", "write_int8"]

"""Run ONNX files in ONNX Runtime, so that an export can be tried out on this computer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.formats.onnx_files.library import onnxruntime

__all__ = ["run_images"]


def run_images(data: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what a file that `write_float32` or `write_int8` made gives for images.

    Parameters
    ----------
    data : bytes
        Content of the file.
    images : ndarray of uint8, shape (n, height, width, channels)

    Returns
    -------
    ndarray of float32, shape (n, classes)

    Raises
    ------
    MissingToolError
        When the package `onnxruntime` is not installed.
    """
    runtime: Any = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: pixels})
    result: NDArray[np.float32] = outputs
    return result

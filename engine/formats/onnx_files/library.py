"""The packages that are needed here. They are imported late: a program without them does everything else."""

from __future__ import annotations

import importlib
from typing import Any

from engine.errors import MissingToolError

__all__ = ["onnx", "onnxruntime"]


def onnx() -> Any:
    """Return the package `onnx`, or raise `MissingToolError`."""
    return _imported("onnx")


def onnxruntime() -> Any:
    """Return the package `onnxruntime`, or raise `MissingToolError`."""
    return _imported("onnxruntime")


def _imported(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingToolError(
            f"ONNX files need the package {package}; install it with pip install 'tinyml-studio[export]'."
        ) from error

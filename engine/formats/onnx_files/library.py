"""The packages that are needed here. They are imported late: a program without them does everything else."""

from __future__ import annotations

from typing import Any

from engine.extras import require

__all__ = ["onnx", "onnxruntime"]

EXTRA, WHAT = "export", "ONNX files"


def onnx() -> Any:
    """Return the package `onnx`, or raise `MissingToolError`."""
    return require("onnx", EXTRA, WHAT)


def onnxruntime() -> Any:
    """Return the package `onnxruntime`, or raise `MissingToolError`."""
    return require("onnxruntime", EXTRA, WHAT)

"""The Python packages of the extra ``verify``, imported only when an emulated target asks for them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from engine.errors import MissingToolError

__all__ = ["require"]


def require(module: str) -> Any:
    """Import a module of the extra ``verify``; raise `MissingToolError` that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingToolError(f"Emulated targets need the package {package}; {_advice()}.") from error


def _advice() -> str:
    if getattr(sys, "frozen", False):
        return "this standalone program does not contain it: install the program with pip instead"
    return "run \"pip install 'tinyml-studio[verify]'\" in the Python environment of this program"

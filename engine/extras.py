"""Optional Python packages, imported only when something asks for them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from engine.errors import MissingToolError

__all__ = ["require"]


def require(module: str, extra: str, what: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Its dotted name, whose first part is the package's name.
    extra : str
        The extra of this program that brings the package.
    what : str
        What cannot be done without it, as the beginning of a sentence in the plural: "Emulated targets".

    Raises
    ------
    MissingToolError
        When it is not installed; the sentence says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingToolError(f"{what} need the package {package}; {_advice(extra)}.") from error


def _advice(extra: str) -> str:
    if getattr(sys, "frozen", False):
        return "this standalone program does not contain it: install the program with pip instead"
    return f"run \"pip install 'tinyml-studio[{extra}]'\" in the Python environment of this program"

"""The Python packages of the extra ``verify``, imported only when an emulated target asks for them."""

from __future__ import annotations

from typing import Any

from engine import extras

__all__ = ["require"]


def require(module: str) -> Any:
    """Import a module of the extra ``verify``; raise `MissingToolError` that says how to install it."""
    return extras.require(module, "verify", "Emulated targets")

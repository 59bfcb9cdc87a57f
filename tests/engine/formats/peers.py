"""The other programs that tests compare with."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

__all__ = ["needed"]


def needed(package: str) -> Any:
    """Return a package; without it the tests of the module are skipped, and in CI they fail."""
    try:
        return importlib.import_module(package)
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{package} is not installed", allow_module_level=True)

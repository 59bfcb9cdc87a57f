"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def collected_once() -> None:
    """Spare the collector what was imported: it would look at it after each of the window's tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the runs of tests out of the user's history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYML_RUNS", str(tmp_path_factory.mktemp("history")))
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder that holds ``mnist/`` and ``emnist/``; skips where there is none."""
    folder = Path(os.environ.get("TINYML_DATA") or CHECKOUT.parent / "shared" / "data")
    if not (folder / "mnist").is_dir():
        pytest.skip("real data is needed: set TINYML_DATA to a folder that holds mnist/ and emnist/")
    return folder

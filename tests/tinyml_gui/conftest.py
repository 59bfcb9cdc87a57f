"""Windows without a screen, and settings that are nobody's own."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, QStandardPaths
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.nn.model import Model
from engine.nn.presets import PRESETS
from tests.tinyml_gui.tiny import PATIENCE
from tinyml_gui.document.settings import Settings
from tinyml_gui.look.theme_switch import Theme


@pytest.fixture(autouse=True)
def isolated_settings(tmp_path: Path) -> Iterator[None]:
    QCoreApplication.setOrganizationName("tests")
    QCoreApplication.setApplicationName("tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    for scope in (QSettings.Scope.UserScope, QSettings.Scope.SystemScope):
        QSettings.setPath(QSettings.Format.IniFormat, scope, str(tmp_path / "settings"))
    QStandardPaths.setTestModeEnabled(True)
    yield
    QStandardPaths.setTestModeEnabled(False)


@pytest.fixture(autouse=True)
def collecting_here() -> Iterator[None]:
    """Collect between tests, as the program does on the window's thread and not on its workers'.

    Closed widgets go first. No event loop runs between tests to delete them, and each new theme would style
    them all again.
    """
    gc.disable()
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    gc.enable()


class Patient(QtBot):
    """Waits as long as a busy machine may need; what never comes fails all the same."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE, **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return Patient(request)


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def look(qapp: QApplication) -> Theme:
    return Theme(qapp, "light")


@pytest.fixture
def digits_model() -> Model:
    """An untrained network for ten digits."""
    rng = np.random.default_rng(7)
    return Model.new(PRESETS["mlp-32-32"].build(), tuple("0123456789"), rng, "ten")

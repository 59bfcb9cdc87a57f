from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from tinyml_gui.document.settings import Settings


def test_everything_is_remembered() -> None:
    first = Settings()
    first.theme = "dark"
    first.page = "Train"
    first.brush = 31.5
    first.geometry = QByteArray(b"\x01\x02")
    first.set_text("learning_rate", "0.1")
    second = Settings()
    assert (second.theme, second.page, second.brush) == ("dark", "Train", 31.5)
    assert second.geometry == QByteArray(b"\x01\x02")
    assert second.text("learning_rate") == "0.1"


def test_defaults_and_damaged_values() -> None:
    settings = Settings()
    assert settings.theme == "system"
    assert settings.brush is None
    assert settings.drawing_width is None
    assert settings.geometry.isEmpty()
    assert settings.recent_files == []
    settings.set_text("brush", "wide")
    assert settings.brush is None


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "", "1,2"])
def test_what_is_no_finite_number_counts_as_absent(text: str) -> None:
    settings = Settings()
    for key in ("brush", "drawing_width"):
        settings.set_text(key, text)
    assert settings.brush is None
    assert settings.drawing_width is None


def test_recent_files_that_no_system_call_takes_are_left_out() -> None:
    store = QSettings()
    store.setValue("recent_files", ["x" * 5000, "a\0b", 3, "/nowhere/at/all"])
    assert Settings(store).recent_files == []


def test_recent_files_are_newest_first_without_doubles_or_those_gone(tmp_path: Path) -> None:
    settings = Settings()
    paths = [tmp_path / f"{i}.tinyml" for i in range(10)]
    for path in paths:
        path.touch()
        settings.add_recent_file(path)
    settings.add_recent_file(paths[7])
    paths[8].unlink()
    assert settings.recent_files == [str(paths[i]) for i in (7, 9, 6, 5, 4, 3, 2)]


def test_one_recent_file_survives_the_ini_format(tmp_path: Path) -> None:
    path = tmp_path / "only.tinyml"
    path.touch()
    Settings().add_recent_file(path)
    assert Settings().recent_files == [str(path)]
    Settings().clear_recent_files()
    assert Settings().recent_files == []

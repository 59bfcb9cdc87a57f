from __future__ import annotations

import sys

import pytest

from tinyml_gui.program.system_check import display_problem, import_problem

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lacks these libraries")


def test_a_missing_library_is_named_with_its_package() -> None:
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    sentence = import_problem(error, loads=lambda name: True)
    assert "libGL.so.1" in sentence
    assert "apt-get install --no-install-recommends libgl1" in sentence


def test_all_that_is_missing_is_named_at_once() -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file")
    sentence = import_problem(error, loads=lambda name: name != "libdbus-1.so.3")
    assert sentence.endswith("libdbus-1-3 libegl1")


def test_an_import_error_of_another_kind_says_what_to_do() -> None:
    assert "pip install" in import_problem(ImportError("No module named PySide6"), loads=lambda name: True)


@linux
def test_libraries_of_the_window_are_checked_before_qt_aborts() -> None:
    gone = {"libxcb-cursor.so.0", "libxcb-icccm.so.4"}
    sentence = display_problem({"DISPLAY": ":0"}, loads=lambda name: name not in gone)
    assert sentence.endswith("libxcb-cursor0 libxcb-icccm4")


@linux
def test_no_display_is_a_sentence() -> None:
    assert "DISPLAY is not set" in display_problem({}, loads=lambda name: True)


@linux
def test_a_display_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9731")
    assert ":9731" in display_problem({"DISPLAY": ":9731", "QT_QPA_PLATFORM": "xcb"}, loads=lambda name: True)


@pytest.mark.parametrize("environment", [{"QT_QPA_PLATFORM": "offscreen"}, {"WAYLAND_DISPLAY": "wayland-0"}])
def test_other_platforms_need_none_of_it(environment: dict[str, str]) -> None:
    assert display_problem(environment, loads=lambda name: False) == ""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml_gui.viewmodels.deploy import file_rows, name_error, overwrite_question, verification_obstacle


@pytest.mark.parametrize("name", ["9 lives", "int", "", "a-b", "ä"])
def test_names_that_c_refuses_are_refused_with_a_sentence(name: str) -> None:
    assert name_error(name)
    assert name_error("digits") == ""


def test_files_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.h").write_text("x" * 1500)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "b.c").write_text("")
    rows = file_rows(tmp_path, [tmp_path / "a.h", tmp_path / "src" / "b.c"])
    assert [(row.name, row.size) for row in rows] == [("a.h", "1.46 KB"), ("src/b.c", "0 B")]


def test_the_question_names_the_files(tmp_path: Path) -> None:
    assert overwrite_question([tmp_path / "a.h"]) == "a.h exists already. Replace?"
    assert "b.h exist already" in overwrite_question([tmp_path / "a.h", tmp_path / "b.h"])


def test_c_can_be_verified_and_what_has_no_reference_cannot() -> None:
    assert verification_obstacle("c-int8") == ""
    assert "cannot be verified" in verification_obstacle("pictures")

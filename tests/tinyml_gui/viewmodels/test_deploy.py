from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.export import FORMATS, ExportOptions, export_model
from engine.quantize.network import untrained_quantization
from tests.tinyml_gui.tiny import spot_model
from tinyml_gui.viewmodels.deploy import file_rows, name_error, overwrite_question, snippet


@pytest.mark.parametrize("name", ["9 lives", "int", "", "a-b", "ä"])
def test_names_that_c_refuses_are_refused_with_a_sentence(name: str) -> None:
    assert name_error(name)
    assert name_error("digits") == ""


def test_files_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "a.h").write_text("x" * 1500)
    rows = file_rows([tmp_path / "a.h"])
    assert [(row.name, row.size) for row in rows] == [("a.h", "1.46 KB")]


def test_the_question_names_the_files(tmp_path: Path) -> None:
    assert overwrite_question([tmp_path / "a.h"]) == "a.h exists already. Replace?"
    assert "b.h exist already" in overwrite_question([tmp_path / "a.h", tmp_path / "b.h"])


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_code_shown_compiles_with_the_files_exported(format_name: str, tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler is needed: cc")
    model = spot_model().replace(quantization=untrained_quantization(spot_model().spec))
    for name, text in export_model(model, format_name, ExportOptions(name="spots", test_vectors=1)).items():
        (tmp_path / name).write_text(text)
    head_lines, _, code = snippet("spots", spot_model()).partition("\n\n")
    body = code.replace("uint8_t image", "static uint8_t image")
    main = f"{head_lines}\nint main(void) {{\n{body}return answer[0] == 0 || best < 0;\n}}\n"
    (tmp_path / "main.c").write_text(main)
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "main"], check=True)

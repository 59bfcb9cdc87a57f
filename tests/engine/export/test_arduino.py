"""The Arduino library: built with the real core, run in a simulator, without a warning."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue
from engine.export import FORMATS, ExportOptions
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.storage.shipped import load_shipped
from tests.engine.export.arduino_core import MEGA, UNO, build
from tests.engine.export.int8_programs import quantized
from tests.engine.export.page.browsers import needed
from tests.engine.export.programs import CAMPAIGN

FORM = FORMATS["arduino"]
MODEL = quantized(PRESETS["uno-digits"].build(10))
SMALL = quantized(ModelSpec((Conv2D(3, 5, 3), MaxPool2D(3), Flatten(), Dense(3)), (28, 28, 1)))
STUB = Path(__file__).with_name("arduino_stub")
OTHER_BOARDS = {
    "arm-none-eabi-g++": ("-mcpu=cortex-m4", "-mthumb"),
    "arm-none-eabi-g++ m0": ("-mcpu=cortex-m0plus", "-mthumb"),
    "g++": (),
}


def unpacked(folder: Path, model: Model = MODEL, **options: object) -> Path:
    """Return the folder of the library as the IDE unpacks it."""
    files = FORM.prepare(model, ExportOptions("digits", **options)).files  # type: ignore[arg-type]
    (name,) = files
    assert name == "digits.zip"
    zipfile.ZipFile(io.BytesIO(files[name])).extractall(folder)
    return folder / "digits"


def sketch(library: Path, name: str) -> Path:
    return library / "examples" / name / f"{name}.ino"


def test_an_uno_has_room_for_it_with_the_serial_port(tmp_path: Path) -> None:
    library = unpacked(tmp_path, variant="small")
    program = build(library, sketch(library, "Classify"), UNO, tmp_path)
    assert program.flash <= 16 * 1024
    assert program.ram <= 1800
    assert f"ready {MODEL.fingerprint}" in program.says("ready " + MODEL.fingerprint)


@pytest.mark.parametrize(
    ("chip", "vectors"),
    [(UNO, 2), (MEGA, 3), pytest.param(UNO, 15, marks=CAMPAIGN)],
)
def test_the_board_gives_the_engines_answers(chip: object, vectors: int, tmp_path: Path) -> None:
    library = unpacked(tmp_path, test_vectors=vectors)
    program = build(library, sketch(library, "SelfTest"), chip, tmp_path)  # type: ignore[arg-type]
    assert "passed" in program.says("passed")


@pytest.mark.parametrize("part", [pytest.param(part, marks=CAMPAIGN) for part in range(3)])
def test_a_hundred_images_are_answered_to_the_bit(part: int, tmp_path: Path) -> None:
    images = (
        Catalogue(()).load("starter", "test").subset(slice(part, None, 29))
    )  # avr-gcc has arrays to 32 KB
    made = FORM.prepare(MODEL, ExportOptions("digits", test_vectors=34), images).files["digits.zip"]
    zipfile.ZipFile(io.BytesIO(made)).extractall(tmp_path)
    library = tmp_path / "digits"
    program = build(library, sketch(library, "SelfTest"), MEGA, tmp_path)
    assert "passed" in program.says("passed")


def test_the_self_test_finds_a_wrong_weight(tmp_path: Path) -> None:
    library = unpacked(tmp_path, test_vectors=2, variant="small")
    code = library / "src/digits.c"
    before = code.read_text(encoding="utf-8")
    start = before.index("{", before.index("int8_t digits_stage_1_weight["))
    numbers = re.sub(r"-?\d+", "99", before[start : before.index("}", start)])
    code.write_text(before[:start] + numbers + before[before.index("}", start) :], encoding="utf-8")
    program = build(library, sketch(library, "SelfTest"), UNO, tmp_path)
    assert "2 test vectors differ" in program.says("differ")


def test_a_library_that_learns_has_a_sketch_for_it(tmp_path: Path) -> None:
    library = unpacked(tmp_path, SMALL, training=True, train_layers=1)
    program = build(library, sketch(library, "Learn"), MEGA, tmp_path)
    assert program.ram <= 8192
    assert not sketch(unpacked(tmp_path / "plain"), "Learn").exists()


@pytest.mark.parametrize("name", OTHER_BOARDS)
@pytest.mark.parametrize("model", [MODEL, load_shipped("digits")], ids=["uno-digits", "digits"])
def test_sketches_compile_for_other_boards(name: str, model: Model, tmp_path: Path) -> None:
    compiler = needed(name.partition(" ")[0])
    library = unpacked(tmp_path, model, training=True, train_layers=1)
    flags = ["-Wall", "-Wextra", "-Werror", f"-I{STUB}", f"-I{library / 'src'}", "-fsyntax-only"]
    for path in library.glob("examples/*/*.ino"):
        program = tmp_path / f"{path.stem}.cpp"
        program.write_text(f"#include <Arduino.h>\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
        subprocess.run([compiler, *OTHER_BOARDS[name], "-std=gnu++11", *flags, program], check=True)
    c_compiler = compiler.replace("g++", "gcc")
    for path in (library / "src/digits.c", library / "examples/SelfTest/digits_selftest.c"):
        subprocess.run([c_compiler, *OTHER_BOARDS[name], "-std=gnu11", *flags, path], check=True)


def test_names_and_classes_stay_on_their_lines(tmp_path: Path) -> None:
    odd = MODEL.replace(name="a\nb=c", classes=("\n", "=", '"', "ä", "*/", "//", "\\", "?", "7", "%"))
    library = unpacked(tmp_path, odd)
    lines = (library / "library.properties").read_text(encoding="utf-8").splitlines()
    assert [line.partition("=")[0] for line in lines] == [
        *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"),
        *("architectures", "includes"),
    ]
    assert lines[0] == "name=digits"
    compiler = needed("g++")
    program = tmp_path / "names.cpp"
    program.write_text('#include "digits.h"\nint main() { return digits_class_names[0][0]; }')
    code = [f"-I{library / 'src'}", program, library / "src/digits.c", "-o", tmp_path / "names"]
    subprocess.run([compiler, *code], check=True)
    assert subprocess.run([tmp_path / "names"], check=False).returncode == ord("\n")


def test_the_same_model_gives_the_same_file_and_its_c_is_tried_out() -> None:
    first, again = (FORM.prepare(MODEL, ExportOptions("digits")) for _ in range(2))
    assert first.files == again.files
    if shutil.which("gcc"):
        assert FORM.prove(MODEL, first).passed


def test_vectors_are_those_of_the_data() -> None:
    assert MODEL.quantization is not None
    made = FORM.prepare(MODEL, ExportOptions("digits", test_vectors=3)).files["digits.zip"]
    archive = zipfile.ZipFile(io.BytesIO(made))
    text = archive.read("digits/examples/SelfTest/digits_test_vectors.h").decode()
    array = text[text.index("digits_test_images[") :].partition("{")[2].partition("}")[0]
    numbers = re.findall(r"\d+", array)
    assert len(numbers) == 3 * 784
    assert max(np.array(numbers, int)) <= 255

"""What an int8 export offers: its files, macros and options, and what is refused in one sentence."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.cli import main
from engine.errors import ExportError, QuantizationError
from engine.export import ExportOptions, export_model, write_files
from engine.nn.layers import (
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
)
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.quantize.network import integer_network
from engine.shapes import Shape
from engine.storage import model_file
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import C99, STRICT, build, compiler, facts_of, random_model


def spec(shape: Shape, *layers: object) -> ModelSpec:
    return ModelSpec(layers, shape)  # type: ignore[arg-type]


MODEL = quantized(spec((6, 8, 2), Conv2D(4, 3), MaxPool2D(2), Flatten(), Dense(3)), 1)
FILES = export_model(MODEL, "c-int8", ExportOptions("net", test_vectors=4))
HEADER = FILES["net.h"]


def selftest(folder: Path, *flags: str) -> subprocess.CompletedProcess[bytes]:
    build([compiler("gcc"), *C99, *STRICT, *flags], [folder / "net_selftest.c"], folder / "test")
    return subprocess.run([folder / "test"], capture_output=True, check=False)


def test_the_selftest_passes_in_silence(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    result = selftest(tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert b"0 of 4 test vectors differ" in selftest(tmp_path, "-DNET_SELFTEST_PRINT").stdout


def test_the_selftest_counts_what_differs_by_a_bit(tmp_path: Path) -> None:
    text = FILES["net_test_vectors.h"]
    start = text.index("net_test_outputs")
    changed = re.sub(r"\{\s+(-?\d+)", lambda m: m[0] + " ^ 1", text[start:], count=1)
    write_files(tmp_path, {**FILES, "net_test_vectors.h": text[:start] + changed})
    assert selftest(tmp_path).returncode == 1


def test_macros_state_the_contract() -> None:
    macros = dict(re.findall(r"^#define NET_(\w+) (\S+)", HEADER, re.MULTILINE))
    target = integer_network(MODEL).stages[-1].call.target
    arena = facts_of(MODEL, "c-int8").arena_bytes
    expected = {
        "INPUT_SIZE": "96",
        "CLASS_COUNT": "3",
        "INPUT_SCALE": "0.00392156886f",
        "INPUT_ZERO_POINT": "(-128)",
        "OUTPUT_SCALE": f"{np.float32(target.scale):.9g}f",
        "OUTPUT_ZERO_POINT": f"({target.zero_point})",
        "ARENA_BYTES": str(arena),
        "MODEL_HASH": f'"{MODEL.fingerprint}"',
    }
    assert expected.items() <= macros.items()


def test_the_header_needs_nothing_but_stdint_and_flash_on_avr() -> None:
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    assert re.findall(r"#include (\S+)", code) == ["<stdint.h>", "<avr/pgmspace.h>"]
    assert not re.search(r"\b(malloc|printf|expf|memcpy|memset|tm_\w+|TM_\w+)\b", code)
    assert HEADER.isascii()


def test_two_kinds_of_numbers_live_in_one_program(tmp_path: Path) -> None:
    floats = export_model(MODEL, "c-float32", ExportOptions("real", test_vectors=0))
    write_files(tmp_path, {**FILES, **floats})
    (tmp_path / "main.c").write_text(
        '#define NET_IMPLEMENTATION\n#define REAL_IMPLEMENTATION\n#include "net.h"\n#include "real.h"\n'
        "static uint8_t image[NET_INPUT_SIZE];\n"
        "static float scores[NET_CLASS_COUNT];\n"
        "int main(void) { return net_predict(image, scores) != real_predict(image, scores); }\n"
    )
    build([compiler("gcc"), *C99, *STRICT], [tmp_path / "main.c"], tmp_path / "main")
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def test_scores_can_be_left_out(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    flags = ("-DNET_NO_PROBABILITIES", "-c", "-fno-inline")
    build([compiler("gcc"), *C99, *STRICT, *flags], [tmp_path / "net_selftest.c"], tmp_path / "net.o")
    names = subprocess.run(["nm", tmp_path / "net.o"], capture_output=True, text=True, check=True).stdout
    assert "net_predict" in names
    assert "net_exp" not in names


def test_weights_can_stand_in_a_section_of_their_own(tmp_path: Path) -> None:
    write_files(tmp_path, export_model(MODEL, "c-int8", ExportOptions("net", 0, section=".weights")))
    source = '#define NET_IMPLEMENTATION\n#include "net.h"\n'
    (tmp_path / "net.c").write_text(source)
    build([compiler("gcc"), *C99, *STRICT, "-c"], [tmp_path / "net.c"], tmp_path / "net.o")
    done = subprocess.run(["objdump", "-t", tmp_path / "net.o"], capture_output=True, text=True, check=True)
    symbols = [line.split() for line in done.stdout.splitlines()]
    placed = {words[-3] for words in symbols if words and words[-1].endswith("_weight")}
    assert placed == {".weights"}


@pytest.mark.parametrize("section", ['a"b', "two words", "a)b", "\n"])
def test_a_section_with_an_impossible_name_is_refused(section: str) -> None:
    with pytest.raises(ExportError, match="no name for linkers"):
        ExportOptions("net", section=section)


def test_a_model_that_is_not_quantized_is_refused_but_measured() -> None:
    plain = random_model(MODEL.spec)
    with pytest.raises(QuantizationError, match="tinyml quantize"):
        export_model(plain, "c-int8", ExportOptions("net"))
    measured = facts_of(plain, "c-int8")
    known = facts_of(MODEL, "c-int8")
    assert (measured.arena_bytes, measured.weight_bytes) == (known.arena_bytes, known.weight_bytes)


def test_an_arena_over_the_limit_is_refused() -> None:
    with pytest.raises(ExportError, match=r"an arena of \d+ bytes, more than the limit of 10"):
        export_model(MODEL, "c-int8", ExportOptions("net", ram_limit=10))


def test_the_command_line_writes_int8_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model_file.save(MODEL, tmp_path / "net.tinyml")
    arguments = ["export", str(tmp_path / "net.tinyml"), "--format", "c-int8", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--name", "net", "--test-vectors", "3", "--board", "pico"]) == 0
    assert f"{facts_of(MODEL, 'c-int8').arena_bytes:,} bytes" in capsys.readouterr().out
    build([compiler("gcc"), *C99, *STRICT], [tmp_path / "out" / "net_selftest.c"], tmp_path / "test")
    assert subprocess.run([tmp_path / "test"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("model", "option", "reason"),
    [
        (random_model(MODEL.spec), (), "tinyml quantize"),
        (MODEL, ("--ram-limit", "10"), "more than the limit of 10"),
        (MODEL, ("--name", "int"), "has a meaning of its own"),
        (MODEL, ("--section", "a b"), "no name for linkers"),
        (quantized(PRESETS["lenet"].build(10)), ("--board", "arduino-uno"), "does not fit Arduino Uno"),
    ],
    ids=["not quantized", "limit", "name", "section", "board"],
)
def test_what_cannot_be_exported_is_refused_before_writing(
    model: Model, option: Sequence[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_file.save(model, tmp_path / "net.tinyml")
    arguments = ["export", str(tmp_path / "net.tinyml"), "--format", "c-int8", "--out", str(tmp_path / "out")]
    assert main([*arguments, *option]) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_arrays_that_avr_cannot_hold_are_refused_there(tmp_path: Path) -> None:
    large = quantized(spec((28, 28, 1), Flatten(), Dense(50), Dense(10)))
    write_files(tmp_path, export_model(large, "c-int8", ExportOptions("net", 0)))
    (tmp_path / "net.c").write_text('#define NET_IMPLEMENTATION\n#include "net.h"\n')
    command = [
        compiler("avr-gcc"),
        "-mmcu=atmega2560",
        "-Os",
        "-c",
        "-o",
        tmp_path / "net.o",
        tmp_path / "net.c",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "AVR takes 32767 in one array" in done.stderr


def test_lenet_and_the_mlp_fit_their_memory() -> None:
    sizes = {name: facts_of(random_model(PRESETS[name].build(10)), "c-int8") for name in PRESETS}
    assert sizes["lenet"].arena_bytes <= 2412
    assert sizes["mlp-32-32"].arena_bytes == 64

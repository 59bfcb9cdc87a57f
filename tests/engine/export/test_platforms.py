"""Exported headers compile beside what platforms bring along, and complain in words where they cannot."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from engine.export import ExportOptions, export_model, kernel_files, write_files
from engine.export.options import VARIANTS
from engine.nn.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    MaxPool2D,
    PReLU,
    Upsample2D,
)
from engine.nn.specs import ModelSpec
from tests.engine.export.int8_programs import quantized
from tests.engine.export.platform_macros import MACROS
from tests.engine.export.programs import C99, CPP, STRICT, build, compiler

SPEC = ModelSpec(
    (
        *(Conv2D(3, 3), MaxPool2D(2), DepthwiseConv2D(3, activation="tanh"), PReLU(), Upsample2D(2)),
        *(
            Conv2D(4, 5, activation="sigmoid"),
            AvgPool2D(4),
            Conv2D(2, 3, activation="leaky_relu"),
            BatchNorm(),
        ),
        *(Flatten(), Dense(6, "relu6"), Dropout(), Dense(3, "softmax")),
    ),
    (28, 28, 1),
)
KERNELS = [
    path for path in Path(kernel_files.__file__).with_name("kernels").iterdir() if path.suffix in (".c", ".h")
]


@cache
def exports() -> Mapping[str, str]:
    """Return each kind of header, all with preprocessing; the model is called m0, m1 …"""
    model = quantized(SPEC)
    kinds = [("c-int8", {"variant": variant}) for variant in VARIANTS]
    kinds += [("c-float32", {"variant": "fast"}), ("c-float32", {"variant": "small"})]
    kinds += [("c-float32", {"training": True}), ("c-int8", {"training": True, "train_layers": 1})]
    files: dict[str, str] = {}
    for number, (kind, chosen) in enumerate(kinds):
        options = ExportOptions(f"m{number}", test_vectors=2, preprocess=True, **chosen)  # type: ignore[arg-type]
        files |= export_model(model, kind, options)
    return files


def everything(folder: Path, before: str = "") -> Path:
    """Write a program that includes `before` and then all headers and self-tests; return its path."""
    write_files(folder, exports())
    names = [name.removesuffix(".h") for name in exports() if re.fullmatch(r"m\d\.h", name)]
    parts = [f'#define {n.upper()}_SELFTEST_NO_MAIN\n#include "{n}_selftest.c"\n' for n in names]
    (folder / "all.c").write_text(f"{before}\n{''.join(parts)}")
    return folder / "all.c"


def identifiers(text: str) -> set[str]:
    code = re.sub(r'/\*.*?\*/|"(\\.|[^"\\])*"', " ", text, flags=re.DOTALL)
    return set(re.findall(r"\b[A-Za-z_]\w*", code))


@pytest.mark.parametrize("file", KERNELS, ids=lambda path: path.name)
def test_kernels_use_no_name_that_platforms_define(file: Path) -> None:
    assert not identifiers(kernel_files.body(file.name)) & MACROS


@pytest.mark.parametrize("language", [("gcc", *C99), ("g++", *CPP)], ids=["c", "c++"])
def test_headers_compile_after_the_macros_of_every_platform(language: Sequence[str], tmp_path: Path) -> None:
    poison = "".join(f"#define {name} @\n" for name in sorted(MACROS))
    source = everything(tmp_path, f"#include <stdint.h>\n{poison}")
    build((compiler(language[0]), *language[1:], *STRICT, "-fsyntax-only"), [source], tmp_path / "none")


PLAIN = "#include <stdint.h>\n#undef __GNUC__\n"
ARM = ("-mthumb", "-ffreestanding")
UNDEFINED = {
    "gcc": ("gcc", *C99),
    "g++": ("g++", *CPP),
    "clang": ("clang", *C99),
    "Cortex-M0+": ("arm-none-eabi-gcc", *C99, *ARM, "-mcpu=cortex-m0plus"),
    "Cortex-M4F": (
        "arm-none-eabi-gcc",
        *C99,
        *ARM,
        "-mcpu=cortex-m4",
        "-mfloat-abi=hard",
        "-mfpu=fpv4-sp-d16",
    ),
    "AVR": ("avr-gcc", *C99, "-mmcu=atmega2560"),
    "no extensions": ("gcc", *C99, "-include", "plain.h"),
}


@pytest.mark.parametrize("platform", UNDEFINED)
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_no_macro_is_read_that_is_not_defined(platform: str, level: str, tmp_path: Path) -> None:
    program, *flags = UNDEFINED[platform]
    (tmp_path / "plain.h").write_text(PLAIN)
    source = everything(tmp_path)
    command = (compiler(program), f"-I{tmp_path}", *flags, "-Wundef", "-Werror", level, "-E")
    build(command, [source], tmp_path / "none")


def complaint(folder: Path, command: Sequence[str], source: str) -> str:
    """Return the first error of a program that includes exported headers."""
    write_files(folder, exports(), overwrite=True)
    (folder / "main.c").write_text(source)
    done = subprocess.run(
        [*command, "-fsyntax-only", folder / "main.c"], capture_output=True, text=True, check=False
    )
    assert done.returncode, "it compiles"
    found = re.search(r'#error "(.*)"', done.stderr)
    return found[1] if found else done.stderr


@pytest.mark.parametrize("standard", ["-std=c89", "-std=gnu89"])
@pytest.mark.parametrize("name", ["m0", "m3", "m5", "m6"])
def test_c89_is_told_what_is_needed(standard: str, name: str, tmp_path: Path) -> None:
    told = complaint(tmp_path, (compiler("gcc"), standard), f'#include "{name}.h"\n')
    assert told == f"{name}.h needs C99 or later: compile with -std=c99."


def test_two_models_whose_names_differ_in_capitals_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, export_model(quantized(SPEC), "c-int8", ExportOptions("M0", test_vectors=0)))
    other = (tmp_path / "M0.h").rename(tmp_path / "other.h")  # also where M0.h would be m0.h
    for pair in ((other.name, "m0.h"), ("m0.h", other.name)):
        source = "".join(f'#include "{name}"\n' for name in pair)
        told = complaint(tmp_path, (compiler("gcc"), *C99), source)
        assert "a model whose name differs only in capitals is included, too" in told


@pytest.mark.parametrize("core", ["arm7tdmi", "arm926ej-s", "arm1136jf-s"])
def test_thumb_code_is_made_of_instructions_that_the_core_has(core: str, tmp_path: Path) -> None:
    model = quantized(ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(5)), (6, 6, 2)))
    for number, variant in enumerate(VARIANTS):
        options = ExportOptions(f"m{number}", test_vectors=0, variant=variant)
        write_files(tmp_path, export_model(model, "c-int8", options))
    parts = [f'#define M{n}_IMPLEMENTATION\n#include "m{n}.h"\n' for n in range(len(VARIANTS))]
    (tmp_path / "all.c").write_text("".join(parts))
    command = (compiler("arm-none-eabi-gcc"), *C99, *STRICT, *ARM, f"-mcpu={core}", "-O1", "-c")
    build(command, [tmp_path / "all.c"], tmp_path / "all.o")

"""Sketches, built as Arduino's IDE builds them, with the real core, and run in a simulator."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.verify.emulation import need

__all__ = ["MEGA", "UNO", "Chip", "Program", "build"]

CORE = Path("/usr/share/arduino/hardware/arduino/avr")  # Debian's arduino-core-avr
COMMON = ("-g", "-Os", "-Wall", "-Wextra", "-ffunction-sections", "-fdata-sections", "-flto")
C_FLAGS = ("-std=gnu11", "-fno-fat-lto-objects")
CPP_FLAGS = (
    "-std=gnu++11",
    "-fpermissive",
    "-fno-exceptions",
    "-fno-threadsafe-statics",
    "-DDECIMAL_DIG=__DECIMAL_DIG__",  # Debian's compiler has it in C alone
)
LINK_FLAGS = ("-Os", "-g", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections")
PROGRAM = '#include <Arduino.h>\n#line 1 "{name}"\n{text}'
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
RUN_SECONDS = 60


@dataclass(frozen=True)
class Chip:
    """A board's chip, as in the core's boards.txt."""

    name: str
    variant: str
    macro: str


UNO = Chip("atmega328p", "standard", "ARDUINO_AVR_UNO")
MEGA = Chip("atmega2560", "mega", "ARDUINO_AVR_MEGA2560")


@dataclass(frozen=True)
class Program:
    """A linked program.

    Attributes
    ----------
    path : Path
    flash, ram : int
        Bytes: code, constants and start values; start values and the rest of static memory.
    """

    path: Path
    chip: Chip
    flash: int
    ram: int

    def says(self, expected: str) -> str:
        """Run it until the serial port has said `expected`, and return all that it said."""
        run = ["timeout", str(RUN_SECONDS), "simavr", "-m", self.chip.name, "-f", "16000000", str(self.path)]
        said = ""
        with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said += COLOURS.sub("", line)
                if expected in said:
                    break
            process.terminate()
        return said


def build(library: Path, sketch: Path, chip: Chip, folder: Path) -> Program:
    """Compile a sketch with its library, without a warning from either."""
    need("avr")
    if not CORE.is_dir():
        assert os.environ.get("CI") != "true", "arduino-core-avr is needed"
        pytest.skip("arduino-core-avr is needed")
    core = [*(CORE / "cores/arduino").glob("*.c"), *(CORE / "cores/arduino").glob("*.cpp")]
    core += (CORE / "cores/arduino").glob("*.S")
    program = folder / f"{sketch.stem}.ino.cpp"
    text = PROGRAM.format(name=sketch.name, text=sketch.read_text(encoding="utf-8"))
    program.write_text(text, encoding="utf-8")
    own = [program, *(library / "src").glob("*.c"), *sketch.parent.glob("*.c")]
    includes = [CORE / "cores/arduino", CORE / "variants" / chip.variant, library / "src", sketch.parent]
    objects = [_compiled(source, chip, includes, folder, "-Werror") for source in own]
    objects += [_compiled(source, chip, includes, folder, "-w") for source in core]
    path = folder / f"{sketch.stem}.elf"
    _run(["avr-gcc", *LINK_FLAGS, f"-mmcu={chip.name}", "-o", path, *objects, "-lm"])
    sizes = _run(["avr-size", "-A", path])
    found = {name: int(size) for name, size in re.findall(r"^\.(text|data|bss)\s+(\d+)", sizes, re.M)}
    return Program(path, chip, found["text"] + found["data"], found["data"] + found.get("bss", 0))


def _compiled(source: Path, chip: Chip, includes: Iterable[Path], folder: Path, warnings: str) -> Path:
    target = folder / f"{source.name}.o"
    board = [f"-mmcu={chip.name}", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR"]
    board.append(f"-D{chip.macro}")
    words = [warnings, *(f"-I{place}" for place in includes), "-c", source, "-o", target]
    if source.suffix == ".cpp":
        _run(["avr-g++", *COMMON, *CPP_FLAGS, *board, *words])
    elif source.suffix == ".S":
        _run(["avr-gcc", "-g", "-x", "assembler-with-cpp", "-flto", *board, *words])
    else:
        _run(["avr-gcc", *COMMON, *C_FLAGS, *board, *words])
    return target


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout

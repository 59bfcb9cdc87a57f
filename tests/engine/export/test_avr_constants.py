"""Constants on AVR: what 16 bits do not reach is read in another way, or refused by compiler or linker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.export import ExportOptions, export_model, write_files
from engine.nn.layers import Dense, Flatten
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import ModelSpec
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import C99, STRICT, build, compiler
from tests.engine.verify.emulation import need

CASE = Path(__file__).parent / "cases" / "mega-constants-above-64k.json"
MEGA = ("-mmcu=atmega2560", *C99, *STRICT, "-Os")
ARDUINO = ("-flto", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")

TOLD = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
int main(void)
{
    const char told = (char)('0' + net_selftest());
    UCSR0B = 1 << TXEN0;
    UDR0 = (uint8_t)told;
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = '\\n';
    cli();
    sleep_enable();
    sleep_cpu(); /* for ever: the simulator ends here */
    return 0;
}
"""


def test_weights_are_right_beside_test_vectors_that_16_bits_do_not_reach(tmp_path: Path) -> None:
    need("avr")
    model = quantized(spec_from_json(json.loads(CASE.read_text())))
    write_files(tmp_path, export_model(model, "c-int8", ExportOptions("net", 10, variant="small")))
    source, program = tmp_path / "main.c", tmp_path / "main.elf"
    source.write_text(f'#define NET_SELFTEST_NO_MAIN\n#include "net_selftest.c"\n{TOLD}')
    build((compiler("avr-gcc"), *MEGA), [source], program)
    assert address(program, "net_test_images") + 7840 > 1 << 16
    command = ["simavr", "-m", "atmega2560", "-f", "16000000", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "0." in done.stdout + done.stderr  # the simulator writes a dot for the end of a line


def address(program: Path, symbol: str) -> int:
    listed = subprocess.run(["avr-nm", program], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines() if line.split()[-1] == symbol)


def models(folder: Path, *units: int) -> list[Path]:
    """Write a program of one dense network for each number of units; return its sources."""
    sources, calls = [folder / "main.c"], []
    for number, count in enumerate(units):
        model = quantized(ModelSpec((Flatten(), Dense(count)), (28, 28, 1)))
        options = ExportOptions(f"m{number}", test_vectors=0, variant="small")
        write_files(folder, export_model(model, "c-int8", options))
        sources.append(folder / f"m{number}.c")
        sources[-1].write_text(f'#define M{number}_IMPLEMENTATION\n#include "m{number}.h"\n')
        calls.append(f"m{number}_predict(image, 0)")
    includes = "".join(f'#include "m{number}.h"\n' for number in range(len(units)))
    body = f"static uint8_t image[784];\nint main(void) {{ return {' + '.join(calls)}; }}\n"
    sources[0].write_text(includes + body)
    return sources


def complaint(command: Sequence[str], sources: Sequence[Path]) -> str:
    """Return what the linker has against a program; empty if it takes it."""
    done = subprocess.run(
        [*command, *sources, "-o", sources[0].with_suffix(".elf")],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("flags", [(), ARDUINO], ids=["plain", "as Arduino"])
def test_models_that_are_too_large_together_are_not_linked(flags: Sequence[str], tmp_path: Path) -> None:
    command = (compiler("avr-gcc"), *MEGA, *flags)
    assert flags or complaint(command, models(tmp_path / "small", 40, 38, 2)) == ""
    assert "m2_and_other_models_exceed_the_64_KB_that_AVR_reads" in complaint(
        command, models(tmp_path / "large", 40, 38, 5)
    )


OTHERS = '.section .progmem.gcc_sw_table,"a",@progbits\n.skip {}\n'


def test_a_model_that_others_push_too_far_is_not_linked(tmp_path: Path) -> None:
    model = quantized(spec_from_json(json.loads(CASE.read_text())))
    write_files(tmp_path, export_model(model, "c-int8", ExportOptions("net", 0, variant="small")))
    first, source = tmp_path / "first.S", tmp_path / "main.c"
    source.write_text(
        '#define NET_IMPLEMENTATION\n#include "net.h"\n'
        "static uint8_t image[784];\nint main(void) { return net_predict(image, 0); }\n"
    )
    command = (compiler("avr-gcc"), *MEGA, "-DNET_NO_PROBABILITIES")
    first.write_text(OTHERS.format(0))
    assert complaint(command, [first, source]) == ""
    room = (1 << 16) - address(first.with_suffix(".elf"), "__trampolines_start")
    first.write_text(OTHERS.format(room))
    assert complaint(command, [first, source]) == ""
    first.write_text(OTHERS.format(room + 4))
    assert "net_is_beyond_the_64_KB_that_AVR_reads" in complaint(command, [first, source])


def test_a_model_that_is_too_large_alone_is_not_compiled(tmp_path: Path) -> None:
    model = quantized(ModelSpec((Flatten(), Dense(41), Dense(700), Dense(10)), (28, 28, 1)))
    write_files(tmp_path, export_model(model, "c-int8", ExportOptions("net", 0, variant="small")))
    (tmp_path / "net.c").write_text('#define NET_IMPLEMENTATION\n#include "net.h"\n')
    told = complaint((compiler("avr-gcc"), *MEGA, "-c"), [tmp_path / "net.c"])
    assert "AVR reads 65000: make the network smaller or choose another board." in told

"""Learning on emulated cores: the bits of this computer on all with IEEE numbers, and on AVR nearly so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.boards.compilers import find_cross_compiler
from engine.boards.targets import TARGETS
from engine.export import ExportOptions, export_model, write_files
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Linker
from tests.engine.export.learners import training_memory
from tests.engine.export.programs import C99, build, compiler
from tests.engine.verify.emulation import need, tiny_model

FORMATS = {"c-float32": 0, "c-int8": 1}  # with how many layers learn
STEPS = 3
FLAGS = (*C99, "-O2", "-ffp-contract=off")
LESSONS = """
#define NET_IMPLEMENTATION
#include "net.h"
static uint8_t image[NET_INPUT_SIZE];
static float lesson(int32_t step)
{
    int32_t i;
    for (i = 0; i < NET_INPUT_SIZE; i++) {
        image[i] = (uint8_t)(i * 37 + step * 11);
    }
    return net_train_step(image, (int)step % NET_CLASS_COUNT, 0.05f);
}
"""
ON_A_CORE = (
    LESSONS
    + """
int32_t school(float *told);
int32_t school(float *told)
{
    int32_t i;
    for (i = 0; i < STEPS; i++) {
        told[i] = lesson(i);
    }
    for (i = 0; i < NET_WEIGHT_COUNT; i++) {
        told[STEPS + i] = net_weights[i];
    }
    return net_predict(image, 0);
}
"""
)
ON_THE_HOST = (
    ON_A_CORE
    + """
#include <stdio.h>
int main(void)
{
    static float told[STEPS + NET_WEIGHT_COUNT];
    const int best = (int)school(told);
    fwrite(told, sizeof told, 1, stdout);
    return best;
}
"""
)
ON_AVR = (
    LESSONS
    + """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
static void tell(float value)
{
    const uint8_t *byte = (const uint8_t *)&value;
    int i;
    for (i = 0; i < 8; i++) {
        while (!(UCSR0A & (1 << UDRE0))) {
        }
        UDR0 = (uint8_t)"0123456789abcdef"[i & 1 ? byte[i / 2] & 15 : byte[i / 2] >> 4];
    }
}
int main(void)
{
    int32_t i;
    UCSR0B = 1 << TXEN0;
    for (i = 0; i < STEPS; i++) {
        tell(lesson(i));
    }
    for (i = 0; i < NET_WEIGHT_COUNT; i++) {
        tell(net_weights[i]);
    }
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = 10;
    for (i = 0; i < 10000; i++) {
        __asm__ volatile("nop");
    }
    cli();
    sleep_mode();
    return 0;
}
"""
)


def exported(form: str, folder: Path) -> Path:
    options = ExportOptions("net", test_vectors=0, training=True, train_layers=FORMATS[form])
    write_files(folder, export_model(tiny_model(), form, options))
    return folder


def told_on_the_host(folder: Path) -> tuple[int, np.ndarray]:
    (folder / "host.c").write_text(ON_THE_HOST, encoding="utf-8")
    build([compiler("gcc"), *FLAGS, f"-DSTEPS={STEPS}"], [folder / "host.c"], folder / "host")
    done = subprocess.run([folder / "host"], capture_output=True, check=False)
    return done.returncode, np.frombuffer(done.stdout, "<f4")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4", "rv32imc"])
def test_a_core_learns_what_this_computer_learns(name: str, form: str, tmp_path: Path) -> None:
    need(name)
    folder, target = exported(form, tmp_path), TARGETS[name]
    best, expected = told_on_the_host(folder)
    found, cross = find_cross_compiler([t.name for t in target.toolchains])
    linker = Linker(cross, target.toolchain(found), (*FLAGS, f"-DSTEPS={STEPS}", f"-I{folder}"), folder)
    image = linker.image(linker.compile(ON_A_CORE, "school", None), "school", None)
    assert target.machine is not None
    emulator = Emulator(image, target.machine, Limits(10**9))
    told = emulator.buffer(expected.nbytes)
    assert emulator.call("school", (told,)) == best
    assert emulator.read(told, expected.nbytes) == expected.tobytes()
    options = ExportOptions(training=True, train_layers=FORMATS[form])
    assert (
        image.static_bytes <= training_memory(tiny_model(), options, form == "c-int8") + 92
    )  # the lesson's image


@pytest.mark.parametrize("form", FORMATS)
def test_avr_learns_what_this_computer_learns(form: str, tmp_path: Path) -> None:
    need("avr")
    folder = exported(form, tmp_path)
    _, expected = told_on_the_host(folder)
    (folder / "avr.c").write_text(ON_AVR, encoding="utf-8")
    command = ["avr-gcc", "-mmcu=atmega2560", *FLAGS, "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    build([*command, f"-DSTEPS={STEPS}"], [folder / "avr.c"], folder / "avr.elf")
    done = subprocess.run(
        ["simavr", "-m", "atmega2560", "-f", "16000000", folder / "avr.elf"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    digits = "".join(re.findall(r"[0-9a-f]{16,}", done.stdout + done.stderr))
    found = np.frombuffer(bytes.fromhex(digits), "<f4")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

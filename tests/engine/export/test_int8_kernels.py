"""int8 convolution and dense kernels equal the engine's reference to the bit, on this computer and on cores.

On cores the inner loops are assembly, another one for each instruction set, so each is tried on its own and
with ``TM_NO_ASM``. All calls are compiled at once: compiling is what costs time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.boards.compilers import find_cross_compiler
from engine.boards.targets import TARGETS
from engine.int8.calls import IntegerCall
from engine.verify.emulator import Emulator, Limits
from engine.verify.firmware import Linker
from tests.engine.export.int8_kernels import Program, conv2d, dense, sizes
from tests.engine.export.programs import C99, CAMPAIGN, CPP, SANITIZED, STRICT, build, compiler
from tests.engine.verify.emulation import need

WARNINGS = (*STRICT, "-Wno-unused-function")  # a program of kernels alone does not use all that they bring

CHOSEN = [
    # height, width, channels, filters, kernel, stride, same, pool
    (28, 28, 1, 6, 5, 1, 1, 2),  # the stages of LeNet
    (14, 14, 6, 16, 5, 1, 1, 2),
    (8, 8, 1, 3, 3, 1, 1, 1),  # one channel: two rows at a time, here an even number of them,
    (9, 7, 1, 3, 3, 1, 1, 1),  # here an odd one;
    (9, 9, 1, 4, 4, 1, 1, 2),  # an even kernel; with strides; with other pooling
    (9, 9, 1, 3, 3, 2, 1, 1),
    (12, 12, 1, 3, 3, 1, 1, 3),
    (9, 9, 1, 2, 3, 3, 1, 2),
    (7, 7, 16, 46, 1, 1, 1, 1),  # 1 x 1
    (6, 6, 46, 5, 3, 1, 1, 2),
    (11, 13, 5, 13, 4, 3, 1, 1),  # odd numbers of channels
    (12, 12, 3, 2, 3, 1, 0, 5),  # a square of odd side
    (14, 14, 3, 2, 3, 1, 1, 14),
    (16, 16, 1, 2, 15, 1, 1, 1),
    (16, 16, 2, 1, 15, 1, 1, 2),
    (20, 20, 3, 3, 2, 5, 0, 1),  # windows that leave rows out
    (16, 3, 1, 1, 1, 8, 1, 1),  # a single column
    (5, 1, 1, 1, 2, 1, 1, 1),
    (3, 3, 3, 1, 3, 1, 0, 1),  # a single place
    (2, 6, 130, 2, 3, 2, 1, 1),  # places too far apart for an offset in an instruction
]


def chosen() -> Iterator[IntegerCall]:
    rng = np.random.default_rng(1)
    for h, w, channels, filters, kernel, stride, same, pool in CHOSEN:
        yield conv2d(rng, (h, w, channels), filters, kernel=kernel, stride=stride, same=same, pool=pool)
    yield conv2d(rng, (4, 4, 16), 3, kernel=5, extreme=1)  # too large to be packed
    for features, units in (
        (784, 12),
        (120, 11),
        (7, 1),
        (5, 2),
        (13, 3),
        (64, 10),
        (33, 46),
        (300, 9),
        (2048, 16),
    ):
        yield dense(rng, features, units)
    for features, units in ((2048, 4), (1030, 3), (600, 2)):  # sums that are taken apart in several runs
        yield dense(rng, features, units, extreme=True)


def drawn(count: int) -> Iterator[IntegerCall]:
    """Yield convolutions over the whole grid of what the editor allows, as it comes."""
    rng = np.random.default_rng(2)
    for _ in range(count):
        kernel, stride, pool = int(rng.integers(1, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 4))
        least = stride * pool + kernel
        shape = (
            int(rng.integers(least, least + 8)),
            int(rng.integers(least, least + 8)),
            int(rng.integers(1, 9)),
        )
        how = {"kernel": kernel, "stride": stride, "pool": pool, "same": int(rng.integers(2))}
        yield conv2d(rng, shape, int(rng.integers(1, 8)), **how)


@cache
def calls(count: int) -> Sequence[IntegerCall]:
    return [*chosen(), *drawn(count)]


HOST = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    FILE *source = fopen(argv[1], "rb"), *target = fopen(argv[2], "wb");
    size_t i;
    if (argc != 3 || !source || !target) {
        return 2;
    }
    for (i = 0; i < sizeof stages / sizeof *stages; i++) {
        const size_t in = stages[i].in, out = stages[i].out, scratch = stages[i].scratch;
        uint8_t *x = (uint8_t *)malloc(in + BEHIND), *y = (uint8_t *)malloc(out);
        uint8_t *s = (uint8_t *)malloc(scratch + 1);
        memset(x, 0x77, in + BEHIND);
        memset(s, 0x55, scratch);
        if (fread(x, 1, in, source) != in) {
            return 3;
        }
        stages[i].run(x, y, s);
        fwrite(y, 1, out, target);
        free(x);
        free(y);
        free(s);
    }
    fclose(source);
    return fclose(target) ? 5 : 0;
}
"""

ROUTES = {  # command, whether inputs are a caller's, whether weights are compact, number of drawn calls
    "sanitizers": (("gcc", *C99, *SANITIZED), False, False, 8),
    "sanitizers, compact, a caller's input": (("gcc", *C99, *SANITIZED), True, True, 4),
    "clang, undefined behaviour": (
        ("clang", *C99, "-O0", "-fsanitize=undefined", "-fsanitize-trap=all"),
        True,
        False,
        0,
    ),
    "g++ -O3": (("g++", *CPP, "-O3"), False, True, 0),
}


@pytest.mark.parametrize("route", ROUTES)
def test_on_this_computer(route: str, tmp_path: Path) -> None:
    (command, *flags), given, compact, count = ROUTES[route]
    part = slice(None) if "-O0" in flags else slice(None, None, 2)  # optimized, each call is code of its own
    program = Program(calls(count)[part], given, compact)
    rows = "".join(
        f"    {{stage_{i}, {sizes(call)[0]}, {sizes(call)[1]}, {code.scratch}}},\n"
        for i, (call, code) in enumerate(zip(program.calls, program.codes, strict=True))
    )
    table = (
        "static const struct {\n    void (*run)(const uint8_t *, uint8_t *, uint8_t *);\n"
        "    size_t in, out, scratch;\n} stages[] = {\n" + rows + f"}};\n#define BEHIND {program.behind()}\n"
    )
    (tmp_path / "all.c").write_text("#include <stddef.h>\n" + program.source() + table + HOST)
    build((compiler(command), *flags, *WARNINGS), [tmp_path / "all.c"], tmp_path / "all")
    (tmp_path / "in").write_bytes(b"".join(program.input_bytes(i) for i in range(len(program.calls))))
    done = subprocess.run(
        [tmp_path / "all", tmp_path / "in", tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[:2000])
    compare(program, (tmp_path / "out").read_bytes())


def compare(program: Program, found: bytes) -> None:
    start = 0
    for number, call in enumerate(program.calls):
        stop = start + sizes(call)[1]
        assert found[start:stop] == program.expected(number), f"call {number}: {describe(call)}"
        start = stop
    assert start == len(found)


def describe(call: IntegerCall) -> str:
    return ", ".join(
        f"{name} {getattr(call, name, '')}" for name in ("in_shape", "out_shape", "window", "pool")
    )


CORES = [
    ("cortex-m4", "fast", "-DTM_ANY_ASM"),
    ("cortex-m4", "compact", "-DTM_ANY_ASM"),
    ("cortex-m4", "fast", "-DTM_NO_ASM"),
    ("cortex-m3", "fast", "-DTM_ANY_ASM"),
    ("cortex-m3", "compact", "-DTM_ANY_ASM"),
    ("cortex-m0plus", "fast", "-DTM_ANY_ASM"),
    ("cortex-m0plus", "compact", "-DTM_ANY_ASM"),
    ("rv32imc", "compact", "-DTM_ANY_ASM"),
]


@pytest.mark.parametrize(("target", "variant", "macro"), CORES)
def test_on_a_core(target: str, variant: str, macro: str, tmp_path: Path) -> None:
    need(target, "zig")
    whole = variant == "fast" and target != "cortex-m3" and macro != "-DTM_NO_ASM"  # the others take turns
    part = slice(None) if whole else slice(variant == "compact", None, 2)
    program = Program(calls(0)[part], variant == "fast", variant == "compact")
    run_on_core(target, "zig", ("-O2", macro), program, tmp_path)


LEVELS = ("-O0", "-O2", "-O3", "-Os", "-O2 -fno-omit-frame-pointer", "-O1", "-Og")
USUAL = {"cortex-m4": LEVELS[:5], "cortex-m0plus": LEVELS[:5], "cortex-m3": ("-O0", "-O2")}  # M3 is as M4
GCC = [
    pytest.param(target, level, marks=() if level in usual else CAMPAIGN)
    for target, usual in USUAL.items()
    for level in LEVELS
]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "level"), GCC)
def test_with_gcc(target: str, level: str, tmp_path: Path) -> None:
    """Assembly takes most registers there are: GCC must find them at every level."""
    need(target, "arm-none-eabi-gcc")
    whole = level == "-O2" and target != "cortex-m3"
    part = slice(None) if whole else slice(LEVELS.index(level) % 3, None, 3)  # in turns
    program = Program(calls(10 if level == "-O2" else 0)[part], given=level != "-O2")
    run_on_core(target, "arm-none-eabi-gcc", level.split(), program, tmp_path)


def test_words_are_aligned_where_that_is_asked_for(tmp_path: Path) -> None:
    """Some programs let the processor trap on others (UNALIGN_TRP). Callers' inputs may stand anywhere."""
    need("cortex-m4", "arm-none-eabi-gcc")
    rng = np.random.default_rng(3)
    chosen = [conv2d(rng, (5, 5, channels), 3, kernel=3, pool=2) for channels in (1, 4, 5, 6)]
    chosen += [dense(rng, features, 6) for features in (13, 33, 32)]
    program = Program(chosen, given=True)
    flags = ("-O2", "-mno-unaligned-access")
    assert run_on_core("cortex-m4", "arm-none-eabi-gcc", flags, program, tmp_path, watched=True) == []


def run_on_core(
    target: str, tool: str, flags: Sequence[str], program: Program, folder: Path, watched: bool = False
) -> list[int]:
    """Run the program and compare; return the addresses of words that are not aligned, if it is watched."""
    toolchain = TARGETS[target].toolchain(tool)
    _, found = find_cross_compiler([tool])
    linker = Linker(found, toolchain, (*C99, *WARNINGS, *flags), folder)
    numbers = range(len(program.calls))
    made = linker.compile(program.source() + _all(program), "kernels", None)
    machine = TARGETS[target].machine
    assert machine is not None
    emulator = Emulator(linker.image(made, "all_stages", None), machine, Limits(2_000_000_000, 60.0))
    places = [_place(emulator, program, i) for i in numbers]
    table = emulator.buffer(12 * len(places))
    emulator.write(table, np.array(places, np.uint32).tobytes())
    unaligned: list[int] = []
    if watched:
        watch_alignment(emulator, unaligned)
    emulator.call("all_stages", [table])
    compare(program, b"".join(emulator.read(places[i][1], sizes(program.calls[i])[1]) for i in numbers))

    return unaligned


def watch_alignment(emulator: Emulator, found: list[int]) -> None:
    """Append to `found` the address of each word that is read or written and is not aligned."""
    import unicorn

    def seen(core: object, access: int, address: int, size: int, value: int, data: object) -> None:
        if address % size:
            found.append(address)

    emulator._core.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, seen)


def _all(program: Program) -> str:
    """Return a function that runs all stages with buffers from a table."""
    calls = "".join(
        f"    stage_{i}(table[{i}].x, table[{i}].y, table[{i}].scratch);\n" for i in range(len(program.calls))
    )
    return (
        "typedef struct {\n    const uint8_t *x;\n    uint8_t *y, *scratch;\n} buffers;\n"
        f"void all_stages(const buffers *table);\nvoid all_stages(const buffers *table)\n{{\n{calls}}}\n"
    )


def _place(emulator: Emulator, program: Program, number: int) -> tuple[int, int, int]:
    """Return addresses of buffers whose memory ends where they may no longer be used."""
    read, written = sizes(program.calls[number])
    x = emulator.buffer(read) if program.given else emulator.buffer(_words(read))
    emulator.write(x, program.input_bytes(number))
    return x, emulator.buffer(_words(written)), emulator.buffer(_words(program.codes[number].scratch))


def _words(n: int) -> int:
    return max(1, -(-n // 4)) * 4

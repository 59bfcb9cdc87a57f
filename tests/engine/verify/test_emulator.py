"""The emulator runs functions, counts to the instruction, and ends what does not end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.boards.compilers import find_cross_compiler
from engine.boards.targets import TARGETS
from engine.errors import MissingToolError, VerifyError
from engine.verify import emulator as emulation
from engine.verify.emulator import Emulator, Limits
from engine.verify.extra import require
from engine.verify.firmware import Image, Linker
from tests.engine.verify.emulation import EMULATED, need

SOURCE = r"""
#include <stdint.h>
#define OWN __attribute__((noinline, used))
OWN int sum(const uint8_t *x, int n)
{
    int total = 0;
    for (; n > 0; n--) {
        total += *x++;
    }
    return total;
}
__attribute__((naked)) int looped(int n);
#if defined(__arm__)
int looped(int n)
{
    __asm__ volatile(".syntax unified\n movs r2, #0\n1: adds r2, #1\n subs r0, #1\n bne 1b\n"
                     " movs r0, r2\n bx lr");
}
#else
int looped(int n)
{
    __asm__ volatile("li a2, 0\n1: addi a2, a2, 1\n addi a0, a0, -1\n bnez a0, 1b\n mv a0, a2\n ret");
}
#endif
OWN float first(float x, float y) { return x * y + x / y; } /* by the library's functions, without a unit */
OWN double second(double x) { return x * x; }
int both(int n)
{
    volatile float a = (float)n;
    volatile double b = (double)n;
    a = first(a, 3.0f);
    b = second(b);
    return looped(5) + (int)a + (int)b;
}
int deep(int n)
{
    volatile uint8_t room[3000];
    int i;
    for (i = 0; i < 3000; i++) {
        room[i] = (uint8_t)n;
    }
    return room[n];
}
int spin(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
int wild(int n) { return *(volatile int *)(0x10000000 + n); }
int spoil(int n) { return *(volatile int *)0x08000000 = n; } /* flash */
int endless(int n) { volatile int room[64]; room[n & 63] = n; return n ? endless(n + 1) + room[n & 63] : 0; }
extern OWN void told(int a, const void *b, int c);
OWN void told(int a, const void *b, int c) { __asm__ volatile("" : : "r"(a), "r"(b), "r"(c) : "memory"); }
int telling(const uint8_t *x) { told(7, x, 2); told(8, x + 2, 1); return 0; }
"""
FLAGS = ("-std=gnu99", "-O2", "-Wno-unused-parameter")
PATIENT = Limits(1_000_000)
FUNCTIONS = ("sum", "looped", "both", "deep", "spin", "wild", "spoil", "endless", "telling")


@pytest.fixture(scope="module", params=EMULATED)
def target(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


@pytest.fixture(scope="module")
def images(target: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """One image for each function, as verification makes them."""
    core = TARGETS[target]
    name, compiler = find_cross_compiler([t.name for t in core.toolchains])
    linker = Linker(compiler, core.toolchain(name), FLAGS, tmp_path_factory.mktemp(target))
    made = linker.compile(SOURCE, "source", None)
    return {function: linker.image(made, function, None) for function in FUNCTIONS}


def started(target: str, image: Image, limits: Limits = PATIENT) -> Emulator:
    machine = TARGETS[target].machine
    assert machine is not None
    return Emulator(image, machine, limits)


def by_function(*names: str) -> emulation.Owner:
    return lambda name: names.index(name) if name in names else None


def test_a_function_gets_arguments_and_memory(target: str, images: dict[str, Image]) -> None:
    core = started(target, images["sum"])
    given = core.buffer(5)
    core.write(given, bytes([1, 2, 3, 250, 4]))
    assert core.call("sum", (given, 5)) == 260
    assert core.counted("sum", (given, 5), by_function("sum"))[0] == 260


def test_nothing_is_behind_the_input(target: str, images: dict[str, Image]) -> None:
    core = started(target, images["sum"])
    given = core.buffer(5)
    with pytest.raises(VerifyError, match="broke off in sum"):
        core.call("sum", (given, 6))


@pytest.mark.parametrize("rounds", [1, 2, 1000])
def test_each_instruction_counts_once(target: str, images: dict[str, Image], rounds: int) -> None:
    core = started(target, images["looped"])
    for _ in range(2):  # what was translated before counts too
        assert core.call("looped", (rounds,)) == rounds
        assert core.counted("looped", (rounds,), by_function("looped")) == (rounds, {0: 3 + 3 * rounds})


def test_helpers_count_for_whoever_called_them(target: str, images: dict[str, Image]) -> None:
    core = started(target, images["both"])
    result, counts = core.counted("both", (6,), by_function("both", "first", "second", "looped"))
    assert result == 5 + 20 + 36
    assert counts[3] == 18
    assert counts[2] > 30  # no core here has doubles
    if "fp" not in " ".join(TARGETS[target].toolchains[0].flags):
        assert counts[1] > 100
    else:
        assert counts[1] < 10


def test_the_stack_is_measured(target: str, images: dict[str, Image]) -> None:
    core = started(target, images["deep"])
    core.paint_stack()
    assert core.stack_used() == 0
    assert core.call("deep", (5,)) == 5
    assert 3000 <= core.stack_used() < 3100


def test_calls_are_watched(target: str, images: dict[str, Image]) -> None:
    core = started(target, images["telling"])
    given = core.buffer(3)
    core.write(given, b"abc")
    seen: list[tuple[int, bytes]] = []
    core.watched("telling", (given,), "told", lambda a: seen.append((a[0], core.read(a[1], a[2]))))
    assert seen == [(7, b"ab"), (8, b"c")]
    core.call("telling", (given,))
    assert len(seen) == 2


def test_a_runaway_ends(target: str, images: dict[str, Image], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulation, "_CHECK_BLOCKS", 1000)
    core = started(target, images["spin"], Limits(5000))
    with pytest.raises(VerifyError, match=r"does not come to an end: it was stopped after [56],\d+ instr"):
        core.counted("spin", (), by_function("spin"))
    core = started(target, images["spin"], Limits(5000, seconds=0.0))
    with pytest.raises(VerifyError, match="does not come to an end: it was stopped after 0 seconds"):
        core.call("spin", ())


def test_a_run_can_be_cancelled(
    target: str, images: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulation, "_CHECK_BLOCKS", 1000)
    core = started(target, images["spin"], Limits(10**12, cancel=lambda: True))
    with pytest.raises(VerifyError, match="cancelled"):
        core.counted("spin", (), by_function("spin"))
    with pytest.raises(VerifyError, match="cancelled"):
        core.call("spin", ())


@pytest.mark.parametrize("function", ["wild", "spoil", "endless"])
def test_leaving_its_memory_ends_a_run(target: str, images: dict[str, Image], function: str) -> None:
    core = started(target, images[function])
    with pytest.raises(VerifyError, match=f"broke off in {function}: .*please report"):
        core.call(function, (4,))


def test_an_image_says_its_sizes(target: str, images: dict[str, Image]) -> None:
    assert 10 <= images["looped"].code_bytes <= 16
    assert images["looped"].constant_bytes == images["looped"].static_bytes == 0
    assert images["both"].code_bytes > 60
    address = images["looped"].address("looped")
    assert images["looped"].at(address) == images["looped"].functions[0]
    assert images["looped"].at(address - 2) is None
    assert images["looped"].at(address + 1000) is None


def test_pages_are_merged() -> None:
    memory = ((0x1F00, 0x2001, True), (0x1000, 0x1100, False), (0x8000, 0x8001, False))
    assert Image((), memory, (), 0, 0, 0).pages(0x1000) == [(0x1000, 0x3000, True), (0x8000, 0x9000, False)]


def test_a_missing_package_is_one_sentence() -> None:
    with pytest.raises(MissingToolError, match=re.escape("pip install 'tinyml-studio[verify]'")):
        require("no_such_package.part")


def test_images_of_avr_tell_constants_from_code(tmp_path: Path) -> None:
    need("avr")
    name, compiler = find_cross_compiler(["avr-gcc"])
    source = (
        "#include <avr/pgmspace.h>\nstatic const unsigned char table[100] PROGMEM = {1, 2};\n"
        "static unsigned char room[30];\nstatic int set = 7;\n"
        "int look(int i) { set++; room[i]++; return pgm_read_byte(table + i) + room[set]; }\n"
    )
    linker = Linker(compiler, TARGETS["avr"].toolchain(name), ("-Os",), tmp_path)
    image = linker.image(linker.compile(source, "source", None), "look", None)
    assert (image.constant_bytes, image.static_bytes) == (102, 32)
    assert 10 < image.code_bytes < 100


def test_a_long_run_is_not_disturbed_by_looking_at_it(
    target: str, images: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulation, "_SLICE_SECONDS", 0.0005)
    asked: list[int] = []
    core = started(target, images["looped"], Limits(1, cancel=lambda: bool(asked.append(1))))
    assert core.call("looped", (40_000_000,)) == 40_000_000  # some hundred slices on any computer
    assert asked

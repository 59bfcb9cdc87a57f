"""Targets: where exported code can be run, on this computer and on emulated cores.

A target says how code is compiled for it and which machine is emulated. Measurements on it are about the
core, not about a board; `engine.boards.boards` says which core a board has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from engine.errors import MissingToolError, VerifyError

__all__ = ["CROSS_COMPILERS", "TARGETS", "Machine", "Target", "Toolchain", "find_target"]


@dataclass(frozen=True)
class Toolchain:
    """A compiler for a target, with its options.

    Attributes
    ----------
    name : str
        Name on the command line: the compiler's command, or ``zig``.
    flags : tuple of str
        Options to compile and link for the target.
    libraries : tuple of str
        Options that link the library for arithmetic that the core lacks; they come last.
    needs_memory : bool
        Whether memcpy and similar functions must be supplied, because the compiler's library lacks them.
    script : str
        The linker script, a file under ``export/support``; empty for the one of the compiler.
    """

    name: str
    flags: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    needs_memory: bool = False
    script: str = ""


@dataclass(frozen=True)
class Machine:
    """The machine that is emulated.

    Attributes
    ----------
    family : str
        Key of `engine.verify.emulator.FAMILIES`; ``avr`` for the simulator of AVR.
    model : str
        Unicorn's name of the processor, without its prefix; the chip's name for AVR.
    flash_bytes : int
        Flash of the chip; 0 if it does not limit which code can be run.
    """

    family: str
    model: str
    flash_bytes: int = 0


@dataclass(frozen=True)
class Target:
    """A core, or this computer.

    Attributes
    ----------
    name : str
        Name on the command line.
    title, core : str
        For people: the name, and which chips or boards have this core.
    runner : str
        Key of `engine.verify.session.RUNNERS`, which runs the code.
    toolchains : tuple of Toolchain
        The preferred one first; empty for this computer, whose compilers need no flags.
    machine : Machine or None
        The machine to emulate; None for this computer.
    unit : str
        What is counted: instructions or cycles.
    """

    name: str
    title: str
    core: str
    runner: str
    toolchains: tuple[Toolchain, ...] = ()
    machine: Machine | None = None
    unit: str = "instructions"

    def toolchain(self, name: str) -> Toolchain:
        """Return the toolchain `name`, or raise `MissingToolError` if this target has no such toolchain."""
        for toolchain in self.toolchains:
            if toolchain.name == name:
                return toolchain
        known = ", ".join(t.name for t in self.toolchains)
        raise MissingToolError(f"{name} does not compile for {self.title}; choose one of: {known}.")


_SCRIPT = "firmware.ld"


def _zig(triple: str, cpu: str) -> Toolchain:
    flags = ("-target", triple, f"-mcpu={cpu}")
    return Toolchain("zig", flags, ("-rtlib=compiler-rt",), script=_SCRIPT)


def _cortex(name: str, core: str, triple: str, cpu: str, gcc: Sequence[str], model: str) -> Target:
    gnu = Toolchain(
        "arm-none-eabi-gcc",
        ("-mthumb", f"-mcpu={name}", *gcc, "-ffreestanding"),
        ("-lgcc",),
        needs_memory=True,
        script=_SCRIPT,
    )
    title = name.replace("cortex-m0plus", "Cortex-M0+").replace("cortex-m", "Cortex-M")
    zig = _zig(f"thumb-freestanding-{triple}", cpu)
    return Target(name, title, core, "emulator", (zig, gnu), Machine("arm", model))


def _riscv() -> Target:
    flags = ("-march=rv32imc", "-mabi=ilp32", "-ffreestanding")
    commands = ("riscv64-unknown-elf-gcc", "riscv32-unknown-elf-gcc", "riscv-none-elf-gcc")
    gnu = tuple(
        Toolchain(command, flags, ("-lgcc",), needs_memory=True, script=_SCRIPT) for command in commands
    )
    zig = _zig("riscv32-freestanding-none", "generic_rv32+m+c+zicsr")
    core = "RISC-V, 32 bits, without a floating-point unit: ESP32-C3"
    return Target("rv32imc", "RV32IMC", core, "emulator", (zig, *gnu), Machine("riscv", "SIFIVE_E31"))


def _avr(name: str, title: str, core: str, chip: str, kilobytes: int) -> Target:
    toolchain = Toolchain("avr-gcc", (f"-mmcu={chip}",), ("-lm",))
    machine = Machine("avr", chip, 1024 * kilobytes)
    return Target(name, title, core, "simavr", (toolchain,), machine, unit="cycles")


_FPU = "-mfloat-abi=hard"

TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        target.name: target
        for target in (
            Target("host", "This computer", "compiled by its own C compiler", "host"),
            _cortex(
                "cortex-m0plus",
                "without a floating-point unit: RP2040, Raspberry Pi Pico",
                "eabi",
                "cortex_m0plus",
                (),
                "M0",
            ),
            _cortex("cortex-m3", "without a floating-point unit: STM32F103", "eabi", "cortex_m3", (), "M3"),
            _cortex(
                "cortex-m4",
                "with DSP instructions and a floating-point unit: nRF52840, STM32F411",
                "eabihf",
                "cortex_m4+vfp4d16sp",
                (_FPU, "-mfpu=fpv4-sp-d16"),
                "M4",
            ),
            _cortex(
                "cortex-m7",
                "with DSP instructions and a floating-point unit: STM32F746, STM32H743",
                "eabihf",
                "cortex_m7+fp_armv8d16sp",
                (_FPU, "-mfpu=fpv5-sp-d16"),
                "M7",
            ),
            _cortex(
                "cortex-m33",
                "with DSP instructions and a floating-point unit: RP2350, Raspberry Pi Pico 2",
                "eabihf",
                "cortex_m33+dsp+fp_armv8d16sp",
                (_FPU, "-mfpu=fpv5-sp-d16"),
                "M33",
            ),
            _riscv(),
            _avr("avr", "AVR", "8 bits: ATmega2560, Arduino Mega", "atmega2560", 256),
            _avr(
                "avr-uno", "AVR of the Uno", "8 bits, 2 KB of RAM: ATmega328P, Arduino Uno", "atmega328p", 32
            ),
        )
    }
)
"""Every target by name."""


CROSS_COMPILERS = frozenset(
    toolchain.name
    for target in TARGETS.values()
    for toolchain in target.toolchains
    if toolchain.name != "zig"
)
"""Names of the compilers whose code cannot run on this computer."""


def find_target(name: str) -> Target:
    """Return the target `name`, or raise `VerifyError` with the names of all targets."""
    if name not in TARGETS:
        raise VerifyError(f"There is no target {name!r}; choose one of: {', '.join(TARGETS)}.")
    return TARGETS[name]

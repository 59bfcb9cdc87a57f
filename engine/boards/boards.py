"""The boards that a model may have to fit: memory, clock and core, each with the source of its figures.

Boards share a `Core`. An emulator counts the instructions that code executes. The clock of a board and the
average number of cycles per instruction turn this count into a time, which is an *estimate*: flash wait
states and caches differ from board to board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["AVR_ARRAY", "AVR_CONSTANTS", "BOARDS", "CORES", "Board", "Core"]

AVR_ARRAY = 32_767  # bytes in one array, at most
AVR_CONSTANTS = 65_000  # bytes of constants that avr-libc's pgm_read_byte reaches

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Core:
    """A processor core.

    Attributes
    ----------
    name, title : str
    target : str or None
        The target on which `tinyml verify` runs code for it; None if there is no emulator for it.
    rates : str
        The target whose counted instructions are used for it: its own, or that of the most similar core.
    cycles : float
        Average number of cycles per instruction of inference code, an estimate. 1 if the target counts
        cycles.
    narrow : bool
        Whether the core has few registers of 8 bits: then plain loops are faster than unrolled ones.
    largest_array, constants : int or None
        Largest size in bytes of one constant array, and of all together; None if only the flash limits them.
    """

    name: str
    title: str
    target: str | None
    rates: str
    cycles: float
    narrow: bool = False
    largest_array: int | None = None
    constants: int | None = None


CORES: Mapping[str, Core] = {
    core.name: core
    for core in (
        Core("avr", "AVR", "avr", "avr", 1.0, True, AVR_ARRAY, AVR_CONSTANTS),
        Core("avr-uno", "AVR", "avr-uno", "avr", 1.0, True, AVR_ARRAY, AVR_CONSTANTS),
        Core("cortex-m0plus", "Cortex-M0+", "cortex-m0plus", "cortex-m0plus", 1.5),
        Core("cortex-m3", "Cortex-M3", "cortex-m3", "cortex-m3", 1.4),
        Core("cortex-m4", "Cortex-M4F", "cortex-m4", "cortex-m4", 1.25),
        Core("cortex-m7", "Cortex-M7", "cortex-m7", "cortex-m7", 0.7),
        Core("cortex-m33", "Cortex-M33", "cortex-m33", "cortex-m33", 1.2),
        Core("rv32imc", "RISC-V RV32IMC", "rv32imc", "rv32imc", 1.4),
        Core("xtensa-lx7", "Xtensa LX7", None, "rv32imc", 1.3),
        Core("cortex-a53", "Cortex-A53", None, "cortex-m7", 0.7),
    )
}
"""Every core by name."""


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes
    ----------
    name, title : str
    core : Core
    clock_hz : int
    flash_bytes, ram_bytes : int
        Memory that a program can use.
    source : str
        The document that the figures are from.
    """

    name: str
    title: str
    core: Core
    clock_hz: int
    flash_bytes: int
    ram_bytes: int
    source: str

    @property
    def target(self) -> str | None:
        """The target on which `tinyml verify` runs code for this board's core, or None."""
        return self.core.target

    @property
    def summary(self) -> str:
        """Core, clock, flash and RAM in a few words."""
        flash, ram = _bytes(self.flash_bytes), _bytes(self.ram_bytes)
        return f"{self.core.title} at {self.clock_hz / 1e6:g} MHz, {flash} flash, {ram} RAM"


def _bytes(count: int) -> str:
    for unit, name in ((MIB, "MB"), (KIB, "KB")):
        if count >= unit:
            return f"{count / unit:.3g} {name}" if count % unit else f"{count // unit} {name}"
    return f"{count} bytes"


def _board(
    name: str, title: str, core: str, megahertz: float, memory: tuple[float, float], source: str
) -> Board:
    flash, ram = (int(kib * KIB) for kib in memory)
    return Board(name, title, CORES[core], round(megahertz * 1_000_000), flash, ram, source)


BOARDS: Mapping[str, Board] = {
    board.name: board
    for board in (
        _board(
            "arduino-uno",
            "Arduino Uno R3",
            "avr-uno",
            16,
            (31.5, 2),
            "ATmega328P datasheet (Microchip DS40002061); 512 bytes of flash hold the bootloader",
        ),
        _board(
            "arduino-mega",
            "Arduino Mega 2560",
            "avr",
            16,
            (248, 8),
            "ATmega2560 datasheet (Microchip DS40002211); 8 KB of flash hold the bootloader",
        ),
        _board(
            "nano-33-ble",
            "Arduino Nano 33 BLE",
            "cortex-m4",
            64,
            (960, 256),
            "nRF52840 product specification (Nordic); Arduino's core leaves 983,040 bytes of flash",
        ),
        _board(
            "pico",
            "Raspberry Pi Pico",
            "cortex-m0plus",
            125,
            (2048, 264),
            "RP2040 datasheet and Pico datasheet (Raspberry Pi); 125 MHz is the SDK's default",
        ),
        _board(
            "pico-2",
            "Raspberry Pi Pico 2",
            "cortex-m33",
            150,
            (4096, 520),
            "RP2350 datasheet and Pico 2 datasheet (Raspberry Pi)",
        ),
        _board(
            "microbit-v2",
            "BBC micro:bit v2",
            "cortex-m4",
            64,
            (512, 128),
            "nRF52833 product specification (Nordic); micro:bit hardware pages",
        ),
        _board(
            "stm32f103",
            "STM32F103C8 (Blue Pill)",
            "cortex-m3",
            72,
            (64, 20),
            "STM32F103x8 datasheet (ST DS5319)",
        ),
        _board(
            "stm32f411",
            "STM32F411CE (Black Pill)",
            "cortex-m4",
            100,
            (512, 128),
            "STM32F411xC/xE datasheet (ST DS10314)",
        ),
        _board(
            "stm32f746",
            "STM32F746G-Discovery",
            "cortex-m7",
            216,
            (1024, 320),
            "STM32F746xx datasheet (ST DS10916); without the 16 KB of instruction RAM",
        ),
        _board(
            "stm32h743",
            "Nucleo-H743ZI",
            "cortex-m7",
            480,
            (2048, 512),
            "STM32H743xI datasheet (ST DS12110); the 512 KB of AXI SRAM, its largest piece",
        ),
        _board(
            "nrf52840",
            "nRF52840 DK",
            "cortex-m4",
            64,
            (1024, 256),
            "nRF52840 product specification (Nordic)",
        ),
        _board(
            "esp32-c3",
            "ESP32-C3",
            "rv32imc",
            160,
            (4096, 400),
            "ESP32-C3 series datasheet (Espressif); a module with 4 MB of flash",
        ),
        _board(
            "esp32-s3",
            "ESP32-S3",
            "xtensa-lx7",
            240,
            (8192, 512),
            "ESP32-S3 series datasheet (Espressif); a module with 8 MB of flash",
        ),
        _board(
            "raspberry-pi-zero-2",
            "Raspberry Pi Zero 2 W",
            "cortex-a53",
            1000,
            (1 << 20, 512 * KIB),
            "Raspberry Pi Zero 2 W product brief; the program lies on the card, here 1 GB of it",
        ),
    )
}
"""Every board by name."""

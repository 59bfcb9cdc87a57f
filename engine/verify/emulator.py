"""Emulated cores: call a function of an image, count its instructions, and measure its stack.

Unicorn translates code in blocks and can report each block that runs. A block's instructions are decoded
once, so counting costs a few hundred nanoseconds a block. Blocks are counted in tables, one for each *owner*:
a stage of the network. A block without an owner, such as a helper of the compiler's library, counts for the
owner that ran last, because that one called it.

The memory that code may use is surrounded by unmapped pages, so reading or writing outside ends the run. The
input stands at the very end of its pages.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from engine.boards.programs import Cancel, check_cancelled
from engine.boards.targets import Machine
from engine.errors import VerifyError
from engine.verify.extra import require
from engine.verify.firmware import Image

__all__ = ["FAMILIES", "Emulator", "Family", "Limits", "Owner", "version"]

Owner = Callable[[str], int | None]
"""Gives the owner of a function by its name; None for functions that count for their caller."""

_PAGE = 4096
_STACK, _STACK_BYTES = 0x28000000, 1 << 20
_BUFFERS, _EXIT = 0x30000000, 0x0E000000  # below 0x40000000, from where on Cortex-M executes nothing
_PAINT = 0xA5A5A5A5
_SLICE_SECONDS = 0.2
_CHECK_BLOCKS = 1 << 18  # blocks between two checks of the limits


@dataclass(frozen=True)
class Family:
    """A family of processors: its names in Unicorn, how it passes arguments and how it encodes instructions.

    Attributes
    ----------
    architecture, modes : str, tuple of str
        Names of Unicorn's constants.
    constants : str
        The module with the constants of models and registers.
    models, registers : str
        Prefixes of their names.
    arguments, stack, link, counter, result : tuple of str, str
        Registers, without the prefix.
    width : callable
        ``width(halfword)`` gives the number of bytes of the instruction that begins with `halfword`.
    code_bit : int
        Added to the addresses of functions.
    setup : mapping of str to int
        Registers that are set before anything runs.
    """

    architecture: str
    modes: tuple[str, ...]
    constants: str
    models: str
    registers: str
    arguments: tuple[str, ...]
    stack: str
    link: str
    counter: str
    result: str
    width: Callable[[int], int]
    code_bit: int
    setup: Mapping[str, int]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "arm": Family(
            architecture="UC_ARCH_ARM",
            modes=("UC_MODE_THUMB", "UC_MODE_MCLASS"),
            constants="unicorn.arm_const",
            models="UC_CPU_ARM_CORTEX_",
            registers="UC_ARM_REG_",
            arguments=("R0", "R1", "R2", "R3"),
            stack="SP",
            link="LR",
            counter="PC",
            result="R0",
            width=lambda halfword: 4 if halfword & 0xF800 >= 0xE800 else 2,
            code_bit=1,
            setup={"FPEXC": 1 << 30},  # switches the floating-point unit on
        ),
        "riscv": Family(
            architecture="UC_ARCH_RISCV",
            modes=("UC_MODE_RISCV32",),
            constants="unicorn.riscv_const",
            models="UC_CPU_RISCV32_",
            registers="UC_RISCV_REG_",
            arguments=("A0", "A1", "A2", "A3"),
            stack="SP",
            link="RA",
            counter="PC",
            result="A0",
            width=lambda halfword: 4 if halfword & 3 == 3 else 2,
            code_bit=0,
            setup={},
        ),
    }
)
"""Every family of processors that is emulated."""


def version() -> str:
    """Return the name and version of the emulator."""
    return f"Unicorn {require('unicorn').__version__}"


@dataclass(frozen=True)
class Limits:
    """Limits of a call.

    Attributes
    ----------
    instructions : int
        The most that a counted call may execute.
    seconds : float
        The most that a call may take that is not counted.
    cancel : callable or None
    """

    instructions: int
    seconds: float = 120.0
    cancel: Cancel | None = None

    def check(self, executed: int, seconds: float) -> None:
        """Raise `VerifyError` beyond a limit, or when the user has cancelled."""
        check_cancelled(self.cancel)
        if executed > self.instructions or seconds > self.seconds:
            raise VerifyError(
                f"The exported code does not come to an end: it was stopped after {executed:,} instructions."
                if executed > self.instructions
                else f"The exported code does not come to an end: it was stopped after {seconds:.0f} seconds."
            )


_Cell = list[Any]  # how often it ran, its instructions, the table that it belongs to
_Table = dict[int, _Cell]


class Emulator:
    """A processor with an image loaded.

    Parameters
    ----------
    image : Image
    machine : Machine
    limits : Limits

    Raises
    ------
    MissingToolError
        When the extra ``verify`` is not installed.
    """

    def __init__(self, image: Image, machine: Machine, limits: Limits) -> None:
        self._unicorn = require("unicorn")
        self._family = FAMILIES[machine.family]
        self._constants = require(self._family.constants)
        self._image = image
        self._limits = limits
        self._next_buffer = _BUFFERS
        self._core = self._start(machine)
        self._load()

    def buffer(self, size: int) -> int:
        """Return the address of new memory of `size` bytes, which is followed by an unmapped page."""
        mapped = -(-size // _PAGE) * _PAGE
        self._core.mem_map(self._next_buffer, mapped)
        address = self._next_buffer + mapped - size
        self._next_buffer += mapped + _PAGE
        return address

    def write(self, address: int, data: bytes) -> None:
        """Write `data` to memory."""
        self._core.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes of memory."""
        return bytes(self._core.mem_read(address, size))

    def call(self, name: str, arguments: Sequence[int]) -> int:
        """Call the function `name` and return what it returns."""
        self._prepare(arguments)
        began = time.monotonic()
        at = self._image.address(name) | self._family.code_bit
        while True:
            self._run(at, round(_SLICE_SECONDS * 1e6))
            at = self._register(self._family.counter)
            if at & ~1 == _EXIT:
                return self._result()
            at |= self._family.code_bit
            self._limits.check(0, time.monotonic() - began)

    def counted(self, name: str, arguments: Sequence[int], owner: Owner) -> tuple[int, Mapping[int, int]]:
        """Call the function `name`; return what it returns and the instructions executed, by owner.

        Parameters
        ----------
        name : str
        arguments : sequence of int
        owner : callable
            Gives the owners of functions (`Owner`); the call begins with owner 0.

        Raises
        ------
        VerifyError
            At the limit of instructions, or when the code accesses memory that is not its own.
        """
        tally = _Tally(self._image, self._decode, owner, self._limits)
        self._prepare(arguments)
        self._core.ctl_flush_tb()  # blocks translated before the hook was added would not be counted
        hook = self._core.hook_add(self._unicorn.UC_HOOK_BLOCK, tally.hook())
        try:
            self._run(self._image.address(name) | self._family.code_bit, 0)
        finally:
            self._core.hook_del(hook)
            self._core.ctl_flush_tb()
        return self._result(), tally.totals()

    def watched(
        self, name: str, arguments: Sequence[int], at: str, seen: Callable[[tuple[int, ...]], None]
    ) -> None:
        """Call the function `name`; each time it enters the function `at`, call `seen` with the arguments."""
        self._core.ctl_flush_tb()
        place = self._image.address(at)
        registers = [self._id(r) for r in self._family.arguments]

        def on_entry(core: Any, address: int, size: int, data: object) -> None:
            seen(tuple(core.reg_read(r) for r in registers))

        hook = self._core.hook_add(self._unicorn.UC_HOOK_CODE, on_entry, None, place, place)
        try:
            self.call(name, arguments)
        finally:
            self._core.hook_del(hook)
            self._core.ctl_flush_tb()

    def paint_stack(self) -> None:
        """Fill the stack with a pattern."""
        self.write(_STACK, struct.pack("<I", _PAINT) * (_STACK_BYTES // 4))

    def stack_used(self) -> int:
        """Return how many bytes of the stack have lost the pattern."""
        words = memoryview(self.read(_STACK, _STACK_BYTES)).cast("I")
        untouched = next((i for i, word in enumerate(words) if word != _PAINT), len(words))
        return _STACK_BYTES - 4 * untouched

    def _start(self, machine: Machine) -> Any:
        modes = sum(getattr(self._unicorn, mode) for mode in self._family.modes)
        core = self._unicorn.Uc(getattr(self._unicorn, self._family.architecture), modes)
        core.ctl_set_cpu_model(getattr(self._constants, self._family.models + machine.model))
        for name, value in self._family.setup.items():
            core.reg_write(self._id(name), value)
        return core

    def _load(self) -> None:
        unicorn = self._unicorn
        for start, stop, writable in self._image.pages(_PAGE):
            access = unicorn.UC_PROT_READ | (unicorn.UC_PROT_WRITE if writable else unicorn.UC_PROT_EXEC)
            self._core.mem_map(start, stop - start, access)
        for address, data in self._image.segments:
            self.write(address, data)
        self._core.mem_map(_STACK, _STACK_BYTES)
        self._core.mem_map(_EXIT, _PAGE)

    def _prepare(self, arguments: Sequence[int]) -> None:
        family = self._family
        self._core.reg_write(self._id(family.stack), _STACK + _STACK_BYTES)
        self._core.reg_write(self._id(family.link), _EXIT | family.code_bit)
        for name, value in zip(family.arguments, arguments, strict=False):
            self._core.reg_write(self._id(name), value)

    def _run(self, address: int, microseconds: int) -> None:
        try:
            self._core.emu_start(address, _EXIT, timeout=microseconds)
        except self._unicorn.UcError as error:
            place = self._image.at(self._register(self._family.counter))
            where = "outside of all functions" if place is None else f"in {place.name}"
            raise VerifyError(
                f"The exported code broke off {where}: {error}; please report this with the model."
            ) from error

    def _decode(self, address: int, size: int) -> int:
        """Return the number of instructions in a block."""
        data, at, count = self._core.mem_read(address, size), 0, 0
        while at < size:
            at += self._family.width(data[at] | data[at + 1] << 8)
            count += 1
        return count

    def _id(self, register: str) -> int:
        found: int = getattr(self._constants, self._family.registers + register)
        return found

    def _register(self, name: str) -> int:
        value: int = self._core.reg_read(self._id(name))
        return value

    def _result(self) -> int:
        value = self._register(self._family.result)
        return value - (1 << 32) if value >> 31 else value


class _Tally:
    """Counts blocks, each in the table of its owner.

    A table may also hold cells of other tables. The last item of a cell is the table to which it belongs, in
    which the next block is looked up.
    """

    def __init__(self, image: Image, decode: Callable[[int, int], int], owner: Owner, limits: Limits) -> None:
        self._image = image
        self._decode = decode
        self._owner = owner
        self._limits = limits
        self._tables: dict[int, _Table] = {0: {}}

    def hook(self) -> Callable[..., None]:
        """Return the function that is called at each block, whose time matters most."""
        table, left = self._tables[0], _CHECK_BLOCKS

        def on_block(core: object, address: int, size: int, data: object) -> None:
            nonlocal table, left
            cell = table.get(address)
            if cell is None:
                cell = table[address] = self._cell(table, address, size)
            cell[0] += 1
            table = cell[2]
            left -= 1
            if left < 0:
                left = _CHECK_BLOCKS
                self._limits.check(sum(self.totals().values()), 0.0)

        return on_block

    def _cell(self, table: _Table, address: int, size: int) -> _Cell:
        """Return the cell of a block that `table` meets for the first time."""
        function = self._image.at(address)
        owner = None if function is None else self._owner(function.name)
        home = table if owner is None else self._tables.setdefault(owner, {})
        return home.setdefault(address, [0, self._decode(address, size), home])

    def totals(self) -> Mapping[int, int]:
        """Return the instructions by owner."""
        return {
            owner: sum(times * length for times, length, home in table.values() if home is table)
            for owner, table in self._tables.items()
        }

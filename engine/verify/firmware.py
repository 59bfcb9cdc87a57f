"""Images for a core: exported code is compiled, linked around one function, and read back.

There is no driver and no startup code: the function itself is the entry point, the linker leaves out
everything that it does not need, and the emulator loads sections where they run. So the sizes of an image are
those of the function with everything that it calls, the compiler's library included.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.boards.compilers import Compiler
from engine.boards.programs import Cancel
from engine.boards.targets import Toolchain
from engine.errors import VerifyError
from engine.verify.extra import require

__all__ = ["Function", "Image", "Linker", "read_image", "support_text"]

_SECTIONS = (
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
)
_WRITE, _ALLOC, _EXECUTE = 1, 2, 4  # flags of ELF sections
_WRITABLE = 2  # flag of ELF segments


@dataclass(frozen=True)
class Function:
    """A function's place in an image."""

    name: str
    start: int
    size: int


@dataclass(frozen=True)
class Image:
    """A linked program.

    Attributes
    ----------
    segments : tuple of (int, bytes)
        Addresses and the bytes to load there.
    memory : tuple of (int, int, bool)
        Start and end of the memory that it occupies, variables included, and whether that may be written.
    functions : tuple of Function
        In the order of their addresses.
    code_bytes, constant_bytes : int
        Flash in bytes; initial values of variables count as constants.
    static_bytes : int
        RAM for variables, in bytes.
    """

    segments: tuple[tuple[int, bytes], ...]
    memory: tuple[tuple[int, int, bool], ...]
    functions: tuple[Function, ...]
    code_bytes: int
    constant_bytes: int
    static_bytes: int

    @cached_property
    def _starts(self) -> list[int]:
        return [f.start for f in self.functions]

    def at(self, address: int) -> Function | None:
        """Return the function that holds `address`."""
        place = bisect_right(self._starts, address) - 1
        if place < 0:
            return None
        found = self.functions[place]
        return found if address < found.start + max(found.size, 1) else None

    def pages(self, page: int) -> list[tuple[int, int, bool]]:
        """Return its memory in whole pages: start, end, and whether it may be written."""
        merged: list[tuple[int, int, bool]] = []
        whole = sorted((a // page * page, -(-b // page) * page, w) for a, b, w in self.memory)
        for start, stop, writable in whole:
            if merged and start < merged[-1][1]:
                first, last, also = merged.pop()
                merged.append((first, max(stop, last), writable or also))
            else:
                merged.append((start, stop, writable))
        return merged

    def address(self, name: str) -> int:
        """Return the address of the function `name`; raise `VerifyError` if there is none."""
        for function in self.functions:
            if function.name == name:
                return function.start
        raise VerifyError(f"The compiled code has no function {name}; export with other options.")


@dataclass(frozen=True)
class Linker:
    """Compiles a source once, and links it once for each function that is tried.

    Attributes
    ----------
    compiler : Compiler
    toolchain : Toolchain
    flags : tuple of str
        Compiler options for language, warnings and optimization.
    folder : Path
        Where all files are written.
    """

    compiler: Compiler
    toolchain: Toolchain
    flags: tuple[str, ...]
    folder: Path

    def compile(self, text: str, name: str, cancel: Cancel | None) -> Path:
        """Return the object file of the C source `text`."""
        source, made = self.folder / f"{name}.c", self.folder / f"{name}.o"
        source.write_text(text, encoding="utf-8")
        flags = (*self.toolchain.flags, *self.flags, *_SECTIONS, "-g0")
        self.compiler.compile([*flags, "-c", str(source), "-o", str(made)], cancel)
        return made

    def image(self, made: Path, entry: str, cancel: Cancel | None) -> Image:
        """Return the image that holds the function `entry` of an object file and what it needs."""
        image = self.folder / f"{entry}.elf"
        options = (*self._map(), "-Wl,--gc-sections", f"-Wl,-e,{entry}")
        inputs = (str(made), *self._memory(cancel), *self.toolchain.libraries)
        self.compiler.compile([*self.toolchain.flags, *options, *inputs, "-o", str(image)], cancel)
        return read_image(image.read_bytes())

    def _map(self) -> tuple[str, ...]:
        """Return the linker's options that say where sections are placed."""
        if not self.toolchain.script:
            return ("-nostartfiles",)
        script = self.folder / self.toolchain.script
        script.write_text(support_text(self.toolchain.script), encoding="utf-8")
        return ("-nostdlib", "-T", str(script))

    def _memory(self, cancel: Cancel | None) -> list[str]:
        """Return an object file with memcpy and the like, for compilers whose library lacks them."""
        if not self.toolchain.needs_memory:
            return []
        made = self.folder / "memory.o"
        if not made.exists():
            self.compile(support_text("memory.c"), "memory", cancel)
        return [str(made)]


def support_text(file: str) -> str:
    """Return the text of a file under ``export/support``."""
    return files("engine").joinpath("export", "support", file).read_text(encoding="utf-8")


def read_image(data: bytes) -> Image:
    """Return the image in an ELF file."""
    elf = require("elftools.elf.elffile").ELFFile(io.BytesIO(data))
    sizes = _sizes(elf)
    loaded = [s for s in elf.iter_segments("PT_LOAD") if s["p_memsz"]]
    return Image(
        tuple((s["p_vaddr"], s.data()) for s in loaded if s["p_filesz"]),
        tuple((s["p_vaddr"], s["p_vaddr"] + s["p_memsz"], bool(s["p_flags"] & _WRITABLE)) for s in loaded),
        _functions(elf),
        sizes["code"],
        sizes["constants"] + sizes["initialized"],
        sizes["initialized"] + sizes["zeroed"],
    )


def _sizes(elf: Any) -> Mapping[str, int]:
    sizes = {"code": 0, "constants": 0, "initialized": 0, "zeroed": 0}
    for section in elf.iter_sections():
        flags = section["sh_flags"]
        if flags & _ALLOC:
            stored = section["sh_type"] != "SHT_NOBITS"
            writable = "initialized" if stored else "zeroed"
            kind = "code" if flags & _EXECUTE else writable if flags & _WRITE else "constants"
            sizes[kind] += section["sh_size"]
    among_code = _objects_among_code(elf)
    return {**sizes, "code": sizes["code"] - among_code, "constants": sizes["constants"] + among_code}


def _objects_among_code(elf: Any) -> int:
    """Return the size of the constants that stand in sections of code, as they do on AVR."""
    executable = {i for i, s in enumerate(elf.iter_sections()) if s["sh_flags"] & _EXECUTE}
    symbols = elf.get_section_by_name(".symtab").iter_symbols()
    objects = (s for s in symbols if s["st_info"]["type"] == "STT_OBJECT")
    return sum(s["st_size"] for s in objects if s["st_shndx"] in executable)


def _functions(elf: Any) -> tuple[Function, ...]:
    table = elf.get_section_by_name(".symtab")
    found = {
        symbol["st_value"] & ~1: Function(symbol.name, symbol["st_value"] & ~1, symbol["st_size"])
        for symbol in _of_functions(table.iter_symbols())
    }
    return tuple(found[start] for start in sorted(found))


def _of_functions(symbols: Any) -> Sequence[Any]:
    return [s for s in symbols if s["st_info"]["type"] == "STT_FUNC" and s["st_shndx"] != "SHN_UNDEF"]

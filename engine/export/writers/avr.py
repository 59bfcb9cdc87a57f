"""Where the constants of a model are on AVR, and how a program that cannot reach them is refused.

Kernels read constants with addresses of 16 bits, so these must be in the first 64 KB of flash. On larger
chips (``__AVR_HAVE_ELPM__``) they are in a section that linkers place first, behind the interrupt vectors.
Three checks make sure that they are in reach:

- The compiler refuses a model that alone is too large, with ``#error``.
- The linker adds up all models of a program: each has a section of as many bytes as its constants have
  pages, one behind the other from address 0 on. The byte at the end of each must hold its own address, which
  fails above 255. These sections are not loaded; by their names linkers take them for information for
  debuggers, and keep them although nothing refers to them.
- Beside a model that nearly fills the 64 KB, other constants may be placed first, too. So its section begins
  with a relative jump, never executed, that only reaches its target from an address that is low enough.

The linker's complaints contain the name of a symbol that tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from engine.boards.boards import AVR_ARRAY, AVR_CONSTANTS
from engine.export import c_text
from engine.export.context import Context

__all__ = ["checks"]

PAGE = 256
REACH = 1 << 16
BACK, FORTH = 4094, 4097  # how far behind its target, and before it, a relative jump may be
ALIGNMENT = 4
_SECTION = ".progmem.gcc_weights"  # as in kernels/tm.h


def checks(c: Context, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return what refuses a program for AVR that cannot read the constant `arrays` of a model."""
    sizes = {name: values.nbytes for name, values in arrays.items()}
    if reason := _too_large(sizes):
        sentence = f"{reason}: make the network smaller or choose another board."
        return c_text.complaint("defined(__AVR__)", sentence)
    total = sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes.values())
    if not total:
        return ""
    asked = [*_pages(c, total), *_place(c, total)]
    lines = "\n".join(f'        "{line}\\n"' for line in asked)
    return (
        "/* The linker refuses this where constants are too large or too far up in flash to be read. */\n"
        f"#if defined(__AVR_HAVE_ELPM__)\n__asm__(\n{lines});\n#endif\n"
    )


def _too_large(sizes: Mapping[str, int]) -> str:
    largest = max(sizes, key=lambda name: sizes[name], default="")
    if largest and sizes[largest] > AVR_ARRAY:
        return f"{largest} has {sizes[largest]} bytes, AVR takes {AVR_ARRAY} in one array"
    if sum(sizes.values()) > AVR_CONSTANTS:
        return f"the weights have {sum(sizes.values())} bytes, AVR reads {AVR_CONSTANTS}"
    return ""


def _pages(c: Context, total: int) -> list[str]:
    """Return the assembly that adds the model's pages to those of others; one more is for the vectors."""
    symbol = c.symbol("and_other_models_exceed_the_64_KB_that_AVR_reads")
    count = -(-total // PAGE)
    return [
        '.pushsection .debug_tinyml_pages,\\"\\",@progbits',
        f".skip {count}",
        f".global {symbol}",
        f"{symbol}:",
        f".byte {symbol}",
        ".popsection",
    ]


def _place(c: Context, total: int) -> list[str]:
    """Return the assembly that checks the address of a model that nearly fills the 64 KB, for others none."""
    highest = REACH - total - ALIGNMENT
    if highest > BACK + FORTH:
        return []
    symbol = c.symbol("is_beyond_the_64_KB_that_AVR_reads")
    return [
        f'.pushsection {_SECTION},\\"a\\",@progbits',
        f".weak {symbol}",
        f"rjmp {symbol} + ({highest - BACK})",
        ".popsection",
    ]

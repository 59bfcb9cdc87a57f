"""Test vectors as C: a header with inputs and expected outputs, and a program that runs them.

Both compile only with the header that they were exported with, so that files of two exports (one that was
killed, one that was copied in part) cannot be taken for a set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.export import c_text, kernel_files
from engine.export.context import Context
from engine.export.vectors import TOLERANCE, Vectors
from engine.export.writers.c_header import c_type, code_id, only_with

__all__ = ["float_test", "int8_test"]


def float_test(c: Context, header: str, vectors: Vectors, outputs: NDArray[np.float32]) -> dict[str, str]:
    """Return the files that compare float `outputs`, (n, classes), with those that `header` computes."""
    return _named(c, _vectors_header(c, header, vectors, outputs), _float_selftest(c, header))


def int8_test(c: Context, header: str, vectors: Vectors, outputs: NDArray[np.int8]) -> dict[str, str]:
    """Return the files that compare int8 `outputs`, (n, classes), with those that `header` computes."""
    program = _selftest_program(c, header, "differs from the expected one", "selftest_s8.c")
    return _named(c, _vectors_header(c, header, vectors, outputs, in_flash=True), program)


def _named(c: Context, vectors: str, program: str) -> dict[str, str]:
    return {_vectors_name(c): vectors, _program_name(c): program}


def _vectors_name(c: Context) -> str:
    return f"{c.name}_test_vectors.h"


def _program_name(c: Context) -> str:
    return f"{c.name}_selftest.c"


def _vectors_header(
    c: Context, header: str, vectors: Vectors, outputs: NDArray[Any], in_flash: bool = False
) -> str:
    """Return the header that holds inputs and the `outputs` that the network must give for them.

    `in_flash` says that they stay in flash on AVR, and do not take RAM.
    """
    count, classes = outputs.shape
    place = c.macro("TEST_CONST")
    qualifier = f"const {place}" if in_flash else "const"
    lines = (
        f"{_vectors_name(c)}: {count} inputs ({vectors.origin}), one after the other, and the {classes} "
        "outputs that the network must give for each of them."
    )
    body = (
        "#include <stdint.h>\n" + (_FLASH.format(place=place) if in_flash else ""),
        only_with(c, _vectors_name(c), code_id(c, header)) + c_text.macro(c.macro("TEST_COUNT"), count),
        c_text.array(f"static {qualifier} uint8_t {c.symbol('test_images')}", vectors.images),
        c_text.array(f"static {qualifier} {c_type(outputs)} {c.symbol('test_outputs')}", outputs),
    )
    return c_text.block_comment([lines]) + c_text.guard(c.macro("TEST_VECTORS_H"), "\n".join(body))


_FLASH = """\
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define {place} PROGMEM
#else
#define {place}
#endif
"""


def _selftest_program(
    c: Context, header: str, measure: str, file: str, macros: str = "", flags: str = ""
) -> str:
    """Return the program that runs the test vectors.

    Parameters
    ----------
    c : Context
    header : str
        The header that it tests.
    measure : str
        When an output counts as wrong, in words.
    file : str
        The file under ``kernels`` with the program.
    macros : str
        #defines that it needs.
    flags : str
        Compiler options, besides -O2.
    """
    lines = (
        f"{_program_name(c)}: {c.symbol('selftest')}() runs the network on the test vectors and returns for",
        f"how many an output {measure}.",
        "",
        f"    cc -O2 {flags}{_program_name(c)} -o selftest && ./selftest",
        "",
        "The program says nothing and exits with that number; it prints a line when compiled with",
        f"-D{c.macro('SELFTEST_PRINT')}. On a board define {c.macro('SELFTEST_NO_MAIN')} and call the",
        "function.",
    )
    return (
        c_text.block_comment(lines)
        + f"#define {c.macro('IMPLEMENTATION')}\n"
        + f'#include "{c.name}.h"\n#include "{_vectors_name(c)}"\n\n'
        + only_with(c, _program_name(c), code_id(c, header))
        + macros
        + c.renamed(kernel_files.body(file))
    )


def _float_selftest(c: Context, header: str) -> str:
    """Return the program that compares float outputs with those of the test vectors."""
    return _selftest_program(
        c,
        header,
        f"differs by more than {TOLERANCE:g} of the expected one (or 1, if more)",
        "selftest.c",
        c_text.macro(c.macro("TEST_TOLERANCE"), c_text.floating(TOLERANCE)) + "\n",
        "-ffp-contract=off ",
    )

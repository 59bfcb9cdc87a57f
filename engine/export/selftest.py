"""The proof of formats in C: the exported self-test is compiled once and run on this computer.

That takes less than a second, and finds what is wrong wherever the code runs. What may be wrong on one chip
alone, or with one compiler, and in which layer, is for `engine.verify` to find.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from engine.boards.compilers import Compiler, find_compiler
from engine.boards.programs import Cancel, check_cancelled, run_program
from engine.errors import MissingToolError, VerifyError
from engine.export.context import Context
from engine.export.formats import Proof
from engine.export.options import ExportOptions
from engine.files import file_faults
from engine.nn.model import Model
from engine.temporary import work_folder

__all__ = ["prove_by_selftest"]

_FLAGS = ("-std=c99", "-O1", "-ffp-contract=off")
_MOST = 255  # mismatches that an exit code can tell
_NOTHING = "#include <stdint.h>\nint main(void) { return 0; }\n"


def prove_by_selftest(
    model: Model, files: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None
) -> Proof:
    """Compile and run the self-test among `files`; see `Format.prove`."""
    try:
        compiler = find_compiler()
    except MissingToolError as error:
        return Proof(False, str(error))
    with file_faults(tempfile.gettempdir()), work_folder() as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            _run(compiler, folder, Context(options.name), cancel)
        except VerifyError:
            check_cancelled(cancel)
            if _makes_programs(compiler, folder, cancel):
                raise
            reason = f"{compiler.name} makes no programs that run on this computer; install another compiler."
            return Proof(False, reason)
    return Proof(
        True, f"Compiled by {compiler.name} on this computer, the self-test gives the engine's answers."
    )


def _run(compiler: Compiler, folder: Path, c: Context, cancel: Cancel | None) -> None:
    """Raise `VerifyError` unless the self-test finds nothing."""
    without_section = f"-D{c.macro('CONST')}="  # its name is for the linker of a chip
    code = _exit_code(compiler, folder / f"{c.name}_selftest.c", (*_FLAGS, without_section), cancel)
    if 0 < code <= _MOST:
        number = f"{code}{' or more' if code == _MOST else ''} test vector{'s' * (code > 1)}"
        raise VerifyError(
            f"The exported code differs from the engine on {number}, so it was not kept; please report this "
            "with the model, and try another variant."
        )
    if code:
        raise VerifyError(
            f"The self-test of the exported code broke off ({code}), so it was not kept; please report this "
            "with the model, and try another variant."
        )


def _exit_code(compiler: Compiler, source: Path, flags: tuple[str, ...], cancel: Cancel | None) -> int:
    program = source.with_suffix(".exe")
    compiler.compile([*flags, "-o", str(program), str(source)], cancel)
    return run_program([str(program)], cancel).returncode


def _makes_programs(compiler: Compiler, folder: Path, cancel: Cancel | None) -> bool:
    """Whether the compiler can do its work here at all: it may be one for chips, or lack the C library."""
    source = folder / "nothing.c"
    source.write_text(_NOTHING, encoding="utf-8")
    try:
        return _exit_code(compiler, source, _FLAGS, cancel) == 0
    except VerifyError:
        check_cancelled(cancel)
        return False

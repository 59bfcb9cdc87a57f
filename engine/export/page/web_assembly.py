"""The model as WebAssembly: the exported C, compiled by Zig."""

from __future__ import annotations

import base64

from engine.boards.compilers import ZIG, find_cross_compiler
from engine.export import c_text, kernel_files
from engine.export.context import Context
from engine.export.page.assemble import constants, part
from engine.files import file_faults
from engine.nn.model import Model
from engine.temporary import work_folder
from resources.look import PEN

__all__ = ["as_web_assembly"]

_TARGET = ("-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all")
_FLAGS = (*_TARGET, "-std=c99", "-O2", "-g0", "-ffp-contract=off")


def as_web_assembly(model: Model, c: Context, header: str) -> str:
    """Return the script of a page whose model is the C of `header`, which has preprocessing.

    Raises
    ------
    MissingToolError
        If Zig is not installed.
    """
    code = _compiled(_source(c, header))
    return constants(model, {"code": base64.b64encode(code).decode()}) + part("web_assembly.js")


def _source(c: Context, header: str) -> str:
    return (
        f"#define {c.macro('IMPLEMENTATION')}\n{header}\n"
        + c_text.macro(c.macro("DRAWING_SIDE"), PEN.side)
        + c.renamed(kernel_files.body("web_assembly.c"))
    )


def _compiled(source: str) -> bytes:
    _, compiler = find_cross_compiler([ZIG])
    with work_folder() as folder, file_faults(folder):
        path, made = folder / "page.c", folder / "page.wasm"
        path.write_text(source, encoding="utf-8")
        compiler.compile([*_FLAGS, "-o", str(made), str(path)])
        return made.read_bytes()

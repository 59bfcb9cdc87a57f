"""Find C compilers on this computer, and compile with them so that the user can cancel it."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from engine.boards.programs import Cancel, find_program, program_in, run_program
from engine.errors import FitError, MissingToolError, VerifyError

__all__ = ["ZIG", "Compiler", "find_compiler", "find_cross_compiler"]

ZIG = "zig"

_USUAL = ("cc", "gcc", "clang")
_HOW_TO_GET = {
    "darwin": 'run "xcode-select --install" in a terminal',
    "win32": "install MinGW-w64 (winget install BrechtSanders.WinLibs.POSIX.UCRT)",
}
_ON_LINUX = "install gcc (on Debian and Ubuntu: sudo apt install gcc libc6-dev)"


@dataclass(frozen=True)
class Compiler:
    """A C compiler that understands gcc's options.

    Attributes
    ----------
    command : tuple of str
        The program's path, and first arguments.
    environment : mapping of str to str
        Environment variables for it, besides those of this process.
    package : str
        Name and version of the package that it is a part of, if its version text does not name it.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    package: str = ""

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return self.package or Path(self.command[0]).name

    def version(self, cancel: Cancel | None = None) -> str:
        """Return the name and version that the compiler reports, in one line."""
        result = run_program([*self.command, "--version"], cancel, self.environment)
        lines = result.stdout.strip().splitlines()
        own = lines[0].strip() if lines else shlex.join(self.command)
        return f"{self.package} ({own.partition('(')[0].strip()})" if self.package else own

    def compile(self, arguments: Sequence[str], cancel: Cancel | None = None) -> None:
        """Run the compiler; raise `VerifyError` with its first error message if it fails."""
        result = run_program([*self.command, *arguments], cancel, self.environment)
        if result.returncode:
            raise _complaint(self.name, result.stderr.splitlines())


_NO_ROOM = re.compile(
    r"(region \S+ overflowed by .*|section \S+ will not fit.*|address .* is not within region.*)"
)
_OWN_ERROR = re.compile(r'#error "(.*?)\.?"')


def _complaint(command: str, lines: Sequence[str]) -> VerifyError:
    """Return the error messages of a compiler or linker as one sentence."""
    for line in lines:
        if found := _NO_ROOM.search(line):
            return FitError(
                f"The exported code does not fit: {found[1].strip()[:200]}; use a smaller network."
            )
        if found := _OWN_ERROR.search(line):
            return FitError(f"The exported code does not fit: {found[1]}.")
    told = [line for line in lines if "ld returned" not in line] or ["it gave no reason"]
    first = next((line for line in told if "error" in line.lower()), told[0]).strip()
    return VerifyError(f"{command} does not compile the exported code: {first[:300]}")


def find_cross_compiler(names: Sequence[str]) -> tuple[str, Compiler]:
    """Return name and compiler of the first of `names` that is installed; ``zig`` is the compiler of Zig.

    Raises
    ------
    MissingToolError
        If none is installed; the sentence says how to get one.
    """
    for name in names:
        if name == ZIG:
            if _zig_program() is not None:
                return name, _zig()
        elif path := find_program(name):
            return name, Compiler((path,))
    raise MissingToolError(_how_to_get(names))


def _how_to_get(names: Sequence[str]) -> str:
    """Return the sentence that says what is missing and how to install it: the first of `names`."""
    if names[0] == ZIG and not getattr(sys, "frozen", False):
        advice = "run \"pip install 'tinyml-studio[verify]'\" in the Python environment of this program"
    elif names[0] == ZIG:
        advice = "install Zig (https://ziglang.org/download) such that the command zig is found"
    else:
        package = _PACKAGES.get(names[0], names[0])
        advice = f"on Debian and Ubuntu: sudo apt install {package}"
    return f"The compiler {names[0]} is not installed; {advice}."


_PACKAGES = {"avr-gcc": "gcc-avr avr-libc simavr", "arm-none-eabi-gcc": "gcc-arm-none-eabi"}


def find_compiler(name: str | None = None) -> Compiler:
    """Return the compiler `name`, or else the first found of ``CC``, ``cc``, ``gcc``, ``clang`` and Zig.

    Raises
    ------
    MissingToolError
        If there is none; the sentence says how to get one.
    """
    wanted = name or os.environ.get("CC")
    if wanted == ZIG:
        return _zig()
    if wanted:
        return _named(wanted)
    for usual in _USUAL:
        if path := find_program(usual):
            return Compiler((path,))
    return _zig()


def _named(text: str) -> Compiler:
    command = _split(text)
    path = find_program(command[0]) if command else None
    if path is None:
        raise MissingToolError(f"The C compiler {text!r} is not installed; install it or choose another one.")
    return Compiler((path, *command[1:]))


def _split(text: str) -> tuple[str, ...]:
    if find_program(text):  # a path may hold spaces
        return (text,)
    try:
        return tuple(shlex.split(text, posix=os.name != "nt"))
    except ValueError:  # a quote that is never closed
        return (text,)


def _zig() -> Compiler:
    program = _zig_program()
    if program is None:
        how = _HOW_TO_GET.get(sys.platform, _ON_LINUX)
        raise MissingToolError(
            f'No C compiler was found; {how}, or run "pip install ziglang" in the Python environment of this '
            "program."
        )
    cache = Path(platformdirs.user_cache_dir("tinyml-studio", appauthor=False)) / "zig"
    folders = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    return Compiler((program, "cc", "-fno-sanitize=all"), folders, _zig_version())


def _zig_program() -> str | None:
    """Return the path of Zig: in its Python package, else on ``PATH``."""
    return _packaged_zig() or find_program(ZIG)


def _packaged_zig() -> str | None:
    """Return the path of the program in the package ``ziglang``; None if it is not installed.

    ``python -m ziglang`` would run whatever is called so in the current folder. So that folder is left out,
    and no Python code of the package runs.
    """
    if getattr(sys, "frozen", False):
        return None
    here = os.path.realpath(os.curdir)
    places = [place for place in sys.path if place and os.path.realpath(place) != here]
    spec = importlib.machinery.PathFinder.find_spec("ziglang", places)
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((found for folder in folders if (found := program_in(folder, ZIG))), None)


def _zig_version() -> str:
    try:
        return f"zig {importlib.metadata.version('ziglang')}"
    except importlib.metadata.PackageNotFoundError:
        return ZIG

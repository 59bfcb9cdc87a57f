"""Find C compilers on this computer, and run programs so that the user can cancel them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from engine.errors import FitError, MissingToolError, VerifyError
from engine.files import describe_os_error

__all__ = [
    "ZIG",
    "Cancel",
    "Compiler",
    "check_cancelled",
    "find_compiler",
    "find_cross_compiler",
    "run_program",
]

ZIG = "zig"

Cancel = Callable[[], bool]
"""Called several times a second; the work ends when it returns True."""

_USUAL = ("cc", "gcc", "clang")
_POLL_SECONDS = 0.1
MOST_SECONDS = 1200.0
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
        Program and first arguments.
    environment : mapping of str to str
        Environment variables for it, besides those of this process.
    package : str
        Name and version of the package that it is a part of, if its version text does not name it.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    package: str = ""

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
            raise _complaint(self.package or self.command[0], result.stderr.splitlines())


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
            if _zig_command() is not None:
                return name, _zig()
        elif shutil.which(name):
            return name, Compiler((name,))
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
        if shutil.which(usual):
            return Compiler((usual,))
    return _zig()


def _named(text: str) -> Compiler:
    command = _split(text)
    if not command or shutil.which(command[0]) is None:
        raise MissingToolError(f"The C compiler {text!r} is not installed; install it or choose another one.")
    return Compiler(command)


def _split(text: str) -> tuple[str, ...]:
    if shutil.which(text):  # a path may hold spaces
        return (text,)
    try:
        return tuple(shlex.split(text, posix=os.name != "nt"))
    except ValueError:  # a quote that is never closed
        return (text,)


def _zig() -> Compiler:
    command = _zig_command()
    if command is None:
        how = _HOW_TO_GET.get(sys.platform, _ON_LINUX)
        raise MissingToolError(
            f'No C compiler was found; {how}, or run "pip install ziglang" in the Python environment of this '
            "program."
        )
    cache = Path(platformdirs.user_cache_dir("tinyml-studio", appauthor=False)) / "zig"
    folders = {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)}
    return Compiler((*command, "cc", "-fno-sanitize=all"), folders, _zig_version())


def _zig_command() -> tuple[str, ...] | None:
    """Return the command that starts Zig: from its Python package, else from PATH."""
    if not getattr(sys, "frozen", False) and importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang")
    return (ZIG,) if shutil.which(ZIG) else None


def _zig_version() -> str:
    try:
        return f"zig {importlib.metadata.version('ziglang')}"
    except importlib.metadata.PackageNotFoundError:
        return ZIG


def run_program(
    command: Sequence[str], cancel: Cancel | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command` and return its exit code and output; `cancel` is called before and while it runs.

    Raises
    ------
    VerifyError
        When the program cannot start, is cancelled, or is still running after `MOST_SECONDS`.
    """
    check_cancelled(cancel)
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
            creationflags=hidden,
        )
    except OSError as error:
        raise VerifyError(f"{command[0]} could not be started: {describe_os_error(error)}") from error
    with process:
        try:
            return _wait(process, cancel)
        except BaseException:
            process.kill()
            raise


def check_cancelled(cancel: Cancel | None) -> None:
    """Raise `VerifyError` if the user has cancelled the verification."""
    if cancel is not None and cancel():
        raise VerifyError("The verification was cancelled.") from None


def _wait(process: subprocess.Popen[str], cancel: Cancel | None) -> subprocess.CompletedProcess[str]:
    began = time.monotonic()
    while True:
        try:
            out, err = process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            check_cancelled(cancel)
            if time.monotonic() - began > MOST_SECONDS:
                name = Path(str(process.args[0])).name  # type: ignore[index]
                raise VerifyError(
                    f"{name} does not come to an end: it was stopped after {MOST_SECONDS:.0f} seconds."
                ) from None
        else:
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

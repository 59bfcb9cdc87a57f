"""Find a C compiler on this computer, and run programs that can be cancelled."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from engine.errors import MissingToolError, VerifyError
from engine.files import describe_os_error

__all__ = ["Cancel", "Compiler", "find_compiler", "run_program"]

Cancel = Callable[[], bool]
"""Asked several times a second; true ends the work."""

_USUAL = ("cc", "gcc", "clang")
_POLL_SECONDS = 0.1
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
        Variables set for it, besides those that are set already.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def version(self, cancel: Cancel | None = None) -> str:
        """Return the first line in which it says what it is."""
        result = run_program([*self.command, "--version"], cancel, self.environment)
        lines = result.stdout.strip().splitlines()
        return lines[0] if lines else shlex.join(self.command)

    def compile(self, arguments: Sequence[str], cancel: Cancel | None = None) -> None:
        """Run it; raise `VerifyError` with its first complaint when it fails."""
        result = run_program([*self.command, *arguments], cancel, self.environment)
        if result.returncode:
            complaints = [line for line in result.stderr.splitlines() if "error" in line.lower()]
            first = (complaints or result.stderr.splitlines() or ["it gave no reason"])[0].strip()
            raise VerifyError(f"{self.command[0]} does not compile the exported code: {first[:300]}")


def find_compiler(name: str | None = None) -> Compiler:
    """Return the compiler `name`, or else ``CC``, ``cc``, ``gcc``, ``clang`` or Zig's: the first found.

    Raises
    ------
    MissingToolError
        When there is none; says how to get one.
    """
    wanted = name or os.environ.get("CC")
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
    if getattr(sys, "frozen", False) or importlib.util.find_spec("ziglang") is None:
        how = _HOW_TO_GET.get(sys.platform, _ON_LINUX)
        raise MissingToolError(
            f'No C compiler was found; {how}, or run "pip install ziglang" where Python runs this program.'
        )
    cache = Path(platformdirs.user_cache_dir("tinyml-studio", appauthor=False)) / "zig"
    command = (sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all")
    return Compiler(command, {"ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache)})


def run_program(
    command: Sequence[str], cancel: Cancel | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command` and return how it ended; raise `VerifyError` when it cannot start or is cancelled."""
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


def _wait(process: subprocess.Popen[str], cancel: Cancel | None) -> subprocess.CompletedProcess[str]:
    while True:
        try:
            out, err = process.communicate(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if cancel is not None and cancel():
                raise VerifyError("The verification was cancelled.") from None
        else:
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

"""Other programs: found by their own path, run in an empty folder, ended with all that they have started.

The folder that the user stands in may come from anyone, so nothing in it is ever started or read by accident:
programs are looked for in absolute folders only, and do not run there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engine.errors import VerifyError
from engine.files import describe_os_error, file_faults, is_file
from engine.temporary import work_folder

__all__ = ["Cancel", "check_cancelled", "find_program", "program_in", "run_program"]

Cancel = Callable[[], bool]
"""Called several times a second; the work ends when it returns True."""

MOST_SECONDS = 1200.0
_POLL_SECONDS = 0.1


def find_program(name: str) -> str | None:
    """Return the absolute path of the program `name`; None if there is none.

    Parameters
    ----------
    name : str
        A path; or a plain name, which is looked for in the absolute folders of ``PATH``. `shutil.which` would
        also look in the current folder on Windows, and wherever ``PATH`` has a relative folder.
    """
    path = Path(name)
    if path.name != name:
        return program_in(path.parent.absolute(), path.name)
    folders = filter(os.path.isabs, os.environ.get("PATH", os.defpath).split(os.pathsep))
    return next((found for folder in folders if (found := program_in(folder, name))), None)


def program_in(folder: str | Path, name: str) -> str | None:
    """Return the path of the program `name` in `folder`; None if there is none."""
    for ending in _endings(name):
        path = Path(folder, name + ending)
        if is_file(path) and os.access(path, os.X_OK):
            return str(path)
    return None


def _endings(name: str) -> Sequence[str]:
    """Return what the system lets users leave out at the end of a program's name."""
    if sys.platform != "win32":
        return ("",)
    endings = os.environ.get("PATHEXT", ".EXE").split(os.pathsep)
    return ("",) if name.upper().endswith(tuple(ending.upper() for ending in endings)) else endings


def run_program(
    command: Sequence[str], cancel: Cancel | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `command` and return its exit code and output; `cancel` is called before and while it runs.

    Parameters
    ----------
    command : sequence of str
        The program's absolute path, then its arguments. They name files by absolute paths, because the
        program runs in an empty folder.
    cancel : callable or None
    environment : mapping or None
        Environment variables for it, besides those of this process.

    Raises
    ------
    VerifyError
        When the program cannot start, is cancelled, or is still running after `MOST_SECONDS`. Nothing that it
        has started goes on running then.
    """
    assert Path(command[0]).is_absolute(), command[0]
    check_cancelled(cancel)
    with file_faults(tempfile.gettempdir()), work_folder() as empty:
        try:
            process = subprocess.Popen(
                command,
                cwd=empty,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "LC_ALL": "C", **_temporary_files_in(empty), **(environment or {})},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                process_group=0,  # of its own, which `_end` ends
            )
        except OSError as error:
            raise VerifyError(f"{command[0]} could not be started: {describe_os_error(error)}") from error
        with process:
            try:
                return _wait(process, cancel)
            except BaseException:
                _end(process)
                raise


def _temporary_files_in(folder: Path) -> Mapping[str, str]:
    """Return the variables for a program that makes temporary files there: ended, it cannot remove them."""
    return dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(folder))


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


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and what it has started: a compiler's parts are programs of their own."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(OSError):  # all of them have ended by themselves
            os.killpg(process.pid, signal.SIGKILL)

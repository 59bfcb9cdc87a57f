"""The ``tinyml`` command: parses, runs one command, and turns every fault into one line and an exit code.

The code is 0 for success. It is 2 for a fault of the user (`TinyMLError`, a file that cannot be used, a wrong
option), and 1 for everything else: exported code with other results, a run that diverged, an interruption, a
bug.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import resources
from engine import __version__
from engine.commands.signals import ending_signals, on_signals
from engine.errors import TinyMLError, VerifyError
from engine.files import describe_os_error

__all__ = ["main"]

FAILURE, USAGE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or bool(os.environ.get("TINYML_DEBUG"))
    try:
        others = [number for number in ending_signals() if number != signal.SIGINT]
        with on_signals(signal.default_int_handler, others):  # as Ctrl+C, which saves work
            return _run(words)
    except BaseException as error:
        if debug and not isinstance(error, SystemExit):
            traceback.print_exc()
        return _explain(error, in_json="--json" in words)


def _run(words: Sequence[str]) -> int:
    """Parse `words` and run the command.

    The commands are imported here, so that Ctrl+C during the imports is handled like any other.
    """
    from engine.commands.console import Console

    arguments = _parser().parse_args(words)
    _check_packages()
    code: int = arguments.run(arguments, Console("--json" in words))
    sys.stdout.flush()
    return code


def _check_packages() -> None:
    """Raise `TinyMLError` if the current folder, where ``python -m`` looks first, hides our package."""
    if not hasattr(resources, "open_binary"):
        place = next(iter(getattr(resources, "__path__", ["?"])))
        raise TinyMLError(f"{place} hides a part of this program; start it from another folder.")


def _explain(error: BaseException, in_json: bool) -> int:
    """Say in one line what went wrong; return the exit code."""
    if isinstance(error, SystemExit):  # argparse, after --help
        return int(error.code or 0)
    if isinstance(error, BrokenPipeError):  # the program that reads our output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    from engine.commands.console import printable

    sentence, code = _judge(error)
    print(printable(f"tinyml: {sentence}"), file=sys.stderr)
    if in_json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    return code


def _judge(error: BaseException) -> tuple[str, int]:
    """Return the sentence for `error` and the exit code."""
    match error:
        case VerifyError():
            return str(error), FAILURE
        case TinyMLError():
            return str(error), USAGE
        case OSError():
            place = f"{error.filename}: " if error.filename is not None else ""
            return place + describe_os_error(error), USAGE
        case MemoryError():
            return "there is not enough memory for this; use a smaller batch or network.", FAILURE
        case KeyboardInterrupt():
            return "interrupted.", FAILURE
    kind = type(error).__name__
    return f"internal error ({kind}: {error}); run again with --debug and report what it shows.", FAILURE


class _UsageError(TinyMLError):
    """A command line that cannot be understood."""


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line as one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message.rstrip('.')}; see `{self.prog} --help`.")


def _parser() -> argparse.ArgumentParser:
    from engine.commands import data, evaluate, export, find_rate, info, predict, quantize, train, verify

    parser = _Parser(
        prog="tinyml",
        description="Train small neural networks and export C that runs on a microcontroller.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tinyml {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for module in (data, train, find_rate, evaluate, predict, info, quantize, export, verify):
        module.register(commands)
    return parser

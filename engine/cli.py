"""The ``tinyml`` command: parses, runs one command, and turns every fault into one line and an exit code.

The code is 0 for success. It is 2 for a fault of the user (`TinyMLError`, a file that cannot be used, a wrong
option), and 1 for everything else: exported code with other results, a run that diverged, an interruption, a
bug.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from engine import __version__
from engine.commands import COMMANDS, Command
from engine.errors import TinyMLError, VerifyError
from engine.terminal.signals import ending_signals, on_signals
from engine.terminal.streams import end_output, standard_streams

__all__ = ["main"]

FAILURE, USAGE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name) and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    with standard_streams():
        try:
            others = [number for number in ending_signals() if number != signal.SIGINT]
            with on_signals(signal.default_int_handler, others):  # as Ctrl+C, which saves work
                code = _run(words)
        except BaseException as error:
            code = _explain(error, words)
        return code if end_output() else max(code, FAILURE)


def _run(words: Sequence[str]) -> int:
    """Parse `words` and run the command.

    What it needs is imported here, so that Ctrl+C during the imports is handled like any other.
    """
    arguments = _parser(words).parse_args(words)
    _check_packages()
    from engine.terminal.console import Console

    code: int = arguments.run(arguments, Console("--json" in words))
    return code


def _check_packages() -> None:
    """Raise `TinyMLError` if the current folder, where ``python -m`` looks first, hides our package."""
    import resources

    if not hasattr(resources, "open_binary"):
        place = next(iter(getattr(resources, "__path__", ["?"])))
        raise TinyMLError(f"{place} hides a part of this program; start it from another folder.")


def _explain(error: BaseException, words: Sequence[str]) -> int:
    """Say in one line what went wrong; return the exit code."""
    if isinstance(error, SystemExit):  # argparse, after --help
        return int(error.code or 0)
    if isinstance(error, BrokenPipeError):  # the program that reads our output has ended
        return FAILURE
    import json
    import traceback

    from engine.terminal.console import printable

    if "--debug" in words or os.environ.get("TINYML_DEBUG"):
        traceback.print_exc()
    sentence, code = _judge(error)
    sys.stderr.write(printable(f"tinyml: {sentence}") + "\n")
    if "--json" in words:
        with suppress(OSError):
            sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    return code


def _judge(error: BaseException) -> tuple[str, int]:
    """Return the sentence for `error` and the exit code."""
    match error:
        case VerifyError():
            return str(error), FAILURE
        case TinyMLError():
            return str(error), USAGE
        case OSError():
            from engine.files import describe_os_error

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


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows every command by name, and the options of the one that `words` name."""
    parser = _Parser(
        prog="tinyml",
        description="Train small neural networks and export C that runs on a microcontroller.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tinyml {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for command in COMMANDS:
        text = command.text[0].upper() + command.text[1:] + "."
        chosen = commands.add_parser(command.name, help=command.text, description=text, allow_abbrev=False)
        if command.name in words[:1]:
            _add_options(chosen, command)
    return parser


def _add_options(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add the options that all commands have, and those of `command`, which is imported for them."""
    parser.add_argument("--json", action="store_true", help="write the result as one JSON object")
    parser.add_argument("--debug", action="store_true", help="show where in the program an error arose")
    importlib.import_module(command.module).register(parser)

"""The commands of ``tinyml``, one module each, and the table of them.

A module has ``register(parser)``, which adds its options to a parser made by `engine.cli` and names a
function ``run(arguments, console)`` that returns the exit code. It raises `TinyMLError` for faults that the
user can mend. A module is imported when its command is called, so ``tinyml --help`` needs only this table.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import NamedTuple

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """One command: its name on the command line, and what it does in one line."""

    name: str
    text: str

    @property
    def module(self) -> str:
        """The module that has it; its name has an underscore more where the command's is a word of Python."""
        return f"{__name__}.{self.name.replace('-', '_')}{'_' * iskeyword(self.name)}"


COMMANDS = (
    Command("data", "list, describe or download data sets"),
    Command("sheet", "make a page to print and write on, for handwriting of your own"),
    Command("train", "train a network on a data set"),
    Command("runs", "list and compare the networks that were trained"),
    Command("replay", "train a model again from its record and compare the bits"),
    Command("find-rate", "find the learning rate that suits a network and a data set"),
    Command("sweep", "train many networks and compare them"),
    Command("evaluate", "measure a model on the test part of a data set"),
    Command("predict", "classify images"),
    Command("info", "list the layers of a network and what they cost"),
    Command("quantize", "find the calibration ranges for a model in int8"),
    Command("calibrate", "find out when a model is sure, so that it refuses what is no character"),
    Command("export", "write a model as code for a microcontroller"),
    Command("import", "take in a network that another program made"),
    Command("compare", "run two models on the same images and show where they differ"),
    Command("serve", "let a model answer drawings and programs over HTTP"),
    Command("verify", "compile a model's export, run it and compare"),
)
"""Every command, in the order of the help text."""

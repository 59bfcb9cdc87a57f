"""Read the C files under ``kernels``: their text, what they include, and the parameters of their functions.

They are real C that an editor can check. An export gets each file that it needs once, after those that the
file includes. The arguments of a call are matched with a kernel's parameters *by name*, so a kernel and a
layer that disagree are found when exporting, not when running.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

__all__ = ["body", "collect", "needed_by", "parameters"]

_INCLUDE = re.compile(r'^#include "(\w+)\.c"$', re.MULTILINE)
_SIGNATURE = "TM_KERNEL void tm_{}\\(([^)]*)\\)"
_BEGIN, _END = "/* begin */\n", "/* end */\n"


@cache
def _source(file: str) -> str:
    text = files("engine").joinpath("export", "kernels", file).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


def body(file: str) -> str:
    """Return the part of a kernel file that exported code gets: what stands between the two marks."""
    return _source(file).partition(_BEGIN)[2].partition(_END)[0]


def collect(names: Iterable[str], base: Sequence[str]) -> str:
    """Return the text of the kernels `names` and of all that they include, each once, after its includes.

    Parameters
    ----------
    names : iterable of str
    base : sequence of str
        Headers under ``kernels`` that all of them need; they come first.
    """
    found: dict[str, str] = {}
    for name in names:
        _collect(name, found)
    return "\n".join([*map(body, base), *found.values()])


def needed_by(name: str) -> list[str]:
    """Return the kernels that the file of the kernel `name` includes directly."""
    return _INCLUDE.findall(_source(f"{name}.c"))


def _collect(name: str, found: dict[str, str]) -> None:
    if name in found:
        return
    for needed in needed_by(name):
        _collect(needed, found)
    found[name] = body(f"{name}.c")


@cache
def parameters(kernel: str) -> tuple[str, ...]:
    """Return the names of `kernel`'s parameters in order."""
    signature = re.search(_SIGNATURE.format(kernel), _source(f"{kernel}.c"))
    assert signature is not None, f"kernels/{kernel}.c has no function tm_{kernel}"
    return tuple(declared.split()[-1].lstrip("*") for declared in signature[1].split(","))

"""Many exported headers in one C file, with the kernels that they have in common only once.

A header brings its kernels with it, and to compile these again and again is what costs time. Here a kernel of
which a header has the exact text is compiled once, and macros give it the name that each header calls it by.
What is left of a header is what was written for its network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from engine.export import kernel_files
from engine.export.context import Context
from engine.nn.model import Model

_SHARED = Context("net")
_KERNELS = Path(kernel_files.__file__).parent / "kernels"
_PLACEHOLDERS = ("tm.h", "tm_s8.h", "train.h")  # declare before their marks what a header has for its network
_NOT_OWN = {"TM_PIXEL_SCALE", "tm_start"}  # the same for all; conv2d.c has a function of the same name
_INCLUDED = re.compile(r"^#include .*", re.MULTILINE)
_WORD = re.compile(r"\b(?:tm|TM)_\w+")
_FUNCTION = re.compile(r"^(?:TM_KERNEL|TM_SHARED|TM_APART|static)\b[^;(]*\b(tm_\w+)\(", re.MULTILINE)
_PIXEL_SCALE = re.compile(r"^#define NET_PIXEL_SCALE .*\n", re.MULTILINE)  # the same in all headers
_MACRO = re.compile(r"^#define (TM_\w+)", re.MULTILINE)


def definitions(models: Sequence[Model], export: Callable[[Model, str], str], command: Sequence[str]) -> str:
    """Return C with the definitions of all `models`, called m0, m1 …

    Parameters
    ----------
    models : sequence of Model
    export : callable
        Makes the header of a model under a name.
    command : sequence of str
        What compiles it. With optimization kernels become part of each network, so headers stay whole.
    """
    if "-O0" in command:
        return joined(export(model, _SHARED.name) for model in models)
    named = ((f"m{i}", model) for i, model in enumerate(models))
    return "".join(f"#define {name.upper()}_IMPLEMENTATION\n{export(model, name)}" for name, model in named)


def joined(headers: Iterable[str]) -> str:
    """Return C with the definitions of `headers` that were exported as "net", under the names m0, m1 …"""
    headers = list(headers)
    shared = {scale: scale for header in headers for scale in _PIXEL_SCALE.findall(header)}
    own = [_without_kernels(Context(f"m{i}"), header, shared) for i, header in enumerate(headers)]
    return "\n".join(["#include <stdint.h>\n", *shared.values(), *own])


def _without_kernels(c: Context, text: str, shared: dict[str, str]) -> str:
    """Return what a header has for its network alone; what others may use, too, is added to `shared`."""
    places = {text.find(body): file for file, body in _kernels().items() if body in text}
    found = [file for _, file in sorted(places.items())]  # each behind those that it needs
    for file in found:
        shared[file] = _kernels()[file]
        text = text.replace(shared[file], "")
    names = sorted({name for file in found for name in _defined(file)})
    aliases = "".join(f"#define {c.renamed(name)} {_SHARED.renamed(name)}\n" for name in names)
    text = re.sub(r"\bnet_", f"{c.name}_", re.sub(r"\bNET_", f"{c.upper}_", text))
    return f"#define {c.macro('IMPLEMENTATION')}\n{aliases}{text}"


@cache
def _kernels() -> Mapping[str, str]:
    """Return the text of each kernel that is the same for any network, as headers have it, by file."""
    heads = [
        (_KERNELS / file).read_text(encoding="utf-8").partition("/* begin */")[0] for file in _PLACEHOLDERS
    ]
    own = set(_WORD.findall(_INCLUDED.sub("", "".join(heads)))) - _NOT_OWN
    bodies = {path.name: kernel_files.body(path.name) for path in sorted(_KERNELS.iterdir())}
    while refused := [file for file, body in bodies.items() if own & set(_WORD.findall(body))]:
        own |= {
            name for file in refused for name in _FUNCTION.findall(bodies.pop(file))
        }  # and what calls them
    return {file: _SHARED.renamed(body) for file, body in bodies.items() if body}


@cache
def _defined(file: str) -> frozenset[str]:
    """Return the names that a kernel gives to functions, types and macros."""
    body = kernel_files.body(file)
    functions = (name for name in _WORD.findall(body) if name.startswith("tm_"))
    return frozenset(functions) | frozenset(_MACRO.findall(body))

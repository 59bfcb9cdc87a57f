"""``arduino``: a library as a zip file, for *Sketch › Include Library › Add .ZIP Library* of Arduino's IDE.

Its code is that of ``c-int8``, declarations and definitions in files of their own, so that the IDE reads
little when it shows a sketch. Each example is a sketch that works as it is.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

from engine.boards.programs import Cancel
from engine.data.dataset import Dataset
from engine.export.context import Context
from engine.export.formats import ALL_OPTIONS, Format, PreparedExport, Proof
from engine.export.options import ExportOptions
from engine.export.selftest import prove_by_selftest
from engine.export.writers import c_header, c_int8
from engine.nn.model import Model
from engine.words import short

__all__ = ["FORMAT", "library"]

_VECTORS = 10  # of the self-test, where none are asked for: an Uno has room for them
_CLASSES = 60  # letters of the classes in the sentence that describes the library
_DATE = (2020, 1, 1, 0, 0, 0)  # the same files give the same zip file


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    options = replace(options, test_vectors=options.test_vectors or _VECTORS)
    code = c_int8.FORMAT.prepare(model, options, data)
    c = Context(options.name)
    return PreparedExport(
        options, lambda: {f"{c.name}.zip": _zipped(c.name, library(model, c, code.files))}, code.facts
    )


def _prove(model: Model, made: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None) -> Proof:
    """Try out the model's C alone; a board's compiler and its core need not be on this computer."""
    options = replace(options, test_vectors=options.test_vectors or _VECTORS)
    return prove_by_selftest(model, c_int8.FORMAT.prepare(model, options).files, options, cancel)


FORMAT = Format(
    "arduino",
    "Arduino library",
    "a zip file for Arduino's IDE, int8, with sketches that classify, test and learn",
    _prepare,
    takes=ALL_OPTIONS,
    has_facts=True,
    usage=lambda model, options: c_header.usage(model, options).partition("\n")[
        2
    ],  # the library has the code
    proof=_prove,
)
"""One file, ``NAME.zip``. It needs a quantized model."""


def library(model: Model, c: Context, code: Mapping[str, bytes]) -> Mapping[str, str]:
    """Return the files of the library by their paths in it.

    Parameters
    ----------
    model : Model
    c : Context
    code : mapping of str to bytes
        The files of an export as ``c-int8`` with test vectors.
    """
    declared, defined = _split(c, code[f"{c.name}.h"].decode())
    made = {
        "library.properties": _properties(model, c),
        "keywords.txt": c.renamed(_text("keywords.txt")),
        f"src/{c.name}.h": declared,
        f"src/{c.name}.c": defined,
        "examples/Classify/Classify.ino": _sketch(c, "Classify.ino"),
        "examples/SelfTest/SelfTest.ino": _sketch(c, "SelfTest.ino"),
        f"examples/SelfTest/{c.name}_test_vectors.h": code[f"{c.name}_test_vectors.h"].decode(),
        f"examples/SelfTest/{c.name}_selftest.c": _selftest(c, code[f"{c.name}_selftest.c"].decode()),
    }
    if f"{c.symbol('train_step')}(" in declared:
        made["examples/Learn/Learn.ino"] = _sketch(c, "Learn.ino")
    return made


def _split(c: Context, header: str) -> tuple[str, str]:
    """Return the declarations of a single header, and a C file with its definitions."""
    end = f"#endif /* {c.upper}_H */\n"
    declared, _, defined = header.partition(end)
    scale = next(
        (s for s in defined.splitlines(True) if s.startswith(f"#define {c.macro('PIXEL_SCALE')} ")), ""
    )
    start = f'#define {c.macro("IMPLEMENTATION")}\n#include "{c.name}.h"\n'
    # The self-test of code that learns makes floats of bytes itself.
    return declared + scale + end, f"/* The code of {c.name}.h. */\n{start}{defined.replace(scale, '', 1)}"


def _selftest(c: Context, text: str) -> str:
    """Return the self-test without the code, which the library has, and without a program around it."""
    own = f"#define {c.macro('IMPLEMENTATION')}\n"
    return text.replace(own, f"#define {c.macro('SELFTEST_NO_MAIN')}\n", 1)


def _sketch(c: Context, name: str) -> str:
    return c.renamed(_text(name).replace("@header@", f"{c.name}.h"))


def _properties(model: Model, c: Context) -> str:
    values = {
        "@classes@": short(" ".join(model.classes), _CLASSES),
        "@model@": short(model.name, _CLASSES),
        "@hash@": model.fingerprint,
        "@header@": f"{c.name}.h",
    }
    text = _text("library.properties").replace("tm_library", c.name)
    for place, value in values.items():
        text = text.replace(place, value)
    return text


def _text(name: str) -> str:
    return files("engine.export").joinpath("arduino", name).read_text(encoding="utf-8")


def _zipped(folder: str, made: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in made.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{path}", _DATE), text.encode(), zipfile.ZIP_DEFLATED)
    return stream.getvalue()

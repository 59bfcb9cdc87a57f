"""``raspberry-pi``: a folder with an HTTP service in C, for a Raspberry Pi and any other Linux.

Its protocol is that of ``tinyml serve``, its model the C of ``c-int8``. HTTP and PNG are left to libraries of
the distribution.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

import numpy as np

from engine.boards.programs import Cancel
from engine.data.dataset import Dataset
from engine.data.grey import LEAST_CONTRAST
from engine.export import c_text
from engine.export.context import Context
from engine.export.formats import Format, PreparedExport, Proof
from engine.export.options import ExportOptions
from engine.export.page import service_page
from engine.export.page.openapi import description
from engine.export.selftest import prove_by_selftest
from engine.export.writers import c_header, c_int8
from engine.nn.model import Model
from engine.quantize.network import check_quantized

__all__ = ["FORMAT"]

_TEXTS = ("service.c", "Makefile", "Dockerfile", "compose.yaml")
_VECTORS = 10  # of the proof
_UNIT = "unit.service"


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    c_header.check_preprocessed(model)
    return PreparedExport(options, lambda: _files(model, Context(options.name)))


def _prove(model: Model, files: Mapping[str, bytes], options: ExportOptions, cancel: Cancel | None) -> Proof:
    """Try out the model's C alone: the libraries of the service need not be on this computer."""
    options = replace(options, test_vectors=_VECTORS, preprocess=True)
    return prove_by_selftest(model, c_int8.FORMAT.prepare(model, options).files, options, cancel)


FORMAT = Format(
    "raspberry-pi",
    "Raspberry Pi",
    "an HTTP service in C for Linux, with a page to draw on",
    _prepare,
    proof=_prove,
)
"""A folder: ``make`` builds the service. It needs a quantized model."""


def _files(model: Model, c: Context) -> dict[str, str]:
    check_quantized(model)
    model = model.replace(certainty=None)  # the protocol names a class for every image
    options = ExportOptions(c.name, test_vectors=0, preprocess=True)
    header = c_int8.FORMAT.prepare(model, options).files[f"{c.name}.h"].decode()
    made = {name: c.renamed(_text(name)) for name in _TEXTS}
    made[f"{c.symbol('service')}.service"] = c.renamed(_text(_UNIT))
    return made | {"model.h": _model(model, c, header)}


def _bytes(name: str, text: str) -> str:
    return c_text.array(f"static const uint8_t {name}", np.frombuffer(text.encode(), np.uint8))


def _text(name: str) -> str:
    return files("engine.export").joinpath("linux_service", name).read_text(encoding="utf-8")


def _model(model: Model, c: Context, header: str) -> str:
    """Return the model's C, and what the service says: names in JSON, and the page."""
    names = [json.dumps(name) for name in model.classes]
    page = service_page(model, f"int8 · {c.symbol('service')}")
    return (
        f"#define {c.macro('IMPLEMENTATION')}\n{header}\n"
        + c_text.macro("LEAST_CONTRAST", LEAST_CONTRAST, "of ink and paper; less is an empty picture")
        + c_text.macro("NAME_JSON", c_text.string(json.dumps(model.name)))
        + c_text.macro("CLASSES_JSON", c_text.string(json.dumps(model.classes)))
        + c_text.macro("LONGEST_NAME", max(map(len, names)))
        + f"\nstatic const char *const names_json[] = {{{', '.join(map(c_text.string, names))}}};\n\n"
        + _bytes("page", page)
        + _bytes("openapi", json.dumps(description(model), ensure_ascii=False))
    )

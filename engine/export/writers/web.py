"""``web``: one HTML file to draw on, which answers in the browser, without a server and without a network.

Where Zig is installed, its model is the int8 C as WebAssembly; elsewhere, JavaScript with the same bits.
"""

from __future__ import annotations

from engine.data.dataset import Dataset
from engine.errors import MissingToolError
from engine.export.context import Context
from engine.export.formats import Format, PreparedExport
from engine.export.options import ExportOptions
from engine.export.page import as_javascript, as_web_assembly, assemble, prove_by_node
from engine.export.writers import c_header, c_int8
from engine.nn.model import Model
from engine.quantize.network import check_quantized

__all__ = ["FORMAT"]

_VARIANT = "compact"  # the least time in browsers, and fewer bytes than fast code


def _prepare(model: Model, options: ExportOptions, data: Dataset | None) -> PreparedExport:
    c_header.check_preprocessed(model)
    model = model.replace(certainty=None)  # the page shows how likely every class is, and knows no rejection
    return PreparedExport(options, lambda: {f"{options.name}.html": _page(model, options.name)})


FORMAT = Format(
    "web",
    "Web page",
    "one HTML file to draw on, in any browser, without a network",
    _prepare,
    proof=prove_by_node,
)
"""One file, ``NAME.html``. It needs a quantized model."""


def _page(model: Model, name: str) -> str:
    check_quantized(model)
    try:
        return assemble(
            model, "int8 · WebAssembly", as_web_assembly(model, Context(name), _header(model, name))
        )
    except MissingToolError:
        return assemble(model, "int8 · JavaScript", as_javascript(model))


def _header(model: Model, name: str) -> str:
    options = ExportOptions(name, test_vectors=0, preprocess=True, variant=_VARIANT)
    return c_int8.FORMAT.prepare(model, options).files[f"{name}.h"].decode()

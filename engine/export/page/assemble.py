"""Assemble a page of its parts: one HTML file that needs no other and reaches no other.

The page has two scripts: the model, which knows no page and can be tried out without a browser, and what
draws and shows. Its policy allows these two by their hashes, and no connection.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import string
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from engine.nn.model import Model
from resources.look import DARK, LIGHT, PEN, Tokens

__all__ = ["assemble", "constants", "part", "script_of", "service_page"]

_MODEL_SCRIPT = "<script>"


@cache
def part(name: str) -> str:
    """Return the text of a file under ``parts``."""
    return files("engine.export.page").joinpath("parts", name).read_text(encoding="utf-8")


def assemble(model: Model, kind: str, script: str, connects: bool = False) -> str:
    """Return the page.

    Parameters
    ----------
    model : Model
    kind : str
        How the page computes, in a few words.
    script : str
        The model as a script, such as `as_web_assembly` makes: it defines ``MODEL``, ``PEN`` and
        ``loadModel``.
    connects : bool
        Whether the page may ask the server that it came from.
    """
    page = part("strokes.js") + part("page.js")
    style = _themes() + part("page.css")
    return string.Template(part("page.html")).substitute(
        title=html.escape(model.name or "TinyML Studio"),
        kind=html.escape(f"{kind} · model {model.fingerprint}"),
        policy=_policy((script, page), style, "connect-src 'self'; " if connects else ""),
        style=style,
        model=script,
        page=page,
    )


def service_page(model: Model, kind: str) -> str:
    """Return the page of a service that answers ``POST predict`` beside it."""
    script = constants(model, {}) + part("preprocess.js") + part("service.js")
    return assemble(model, kind, script, connects=True)


def script_of(page: bytes) -> str:
    """Return the model's script in an assembled page."""
    return page.decode().partition(_MODEL_SCRIPT)[2].partition("</script>")[0]


def constants(model: Model, more: Mapping[str, Any]) -> str:
    """Return JavaScript that defines ``PEN``, and ``MODEL``: what every page knows of it, and `more`."""
    known = {
        "classes": model.classes,
        "pixels": int(model.spec.input_shape[0] * model.spec.input_shape[1]),
    }
    return (
        f"const PEN = {_literal(dataclasses.asdict(PEN))};\nconst MODEL = {_literal(known | dict(more))};\n"
    )


def _literal(value: object) -> str:
    """Return `value` in JavaScript, with nothing that could end a script in HTML."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _policy(scripts: Sequence[str], style: str, more: str) -> str:
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {allowed} 'wasm-unsafe-eval'; style-src {_hash(style)}; "
        f"{more}base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _themes() -> str:
    """Return the colours of the application as CSS variables."""
    light, dark = (f":root {{{_variables(tokens)}}}" for tokens in (LIGHT, DARK))
    return f"{light}\n@media (prefers-color-scheme: dark) {{{dark}}}\n"


def _variables(tokens: Tokens) -> str:
    colours = dataclasses.asdict(tokens)
    return " ".join(
        f"--{name.replace('_', '-')}: {colour};"
        for name, colour in colours.items()
        if isinstance(colour, str) and colour.startswith("#")
    )

"""What a page asks of the service behind it, as an OpenAPI document.

``tinyml serve`` and the service in C answer the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.data.preprocess import SIDE
from engine.nn.model import Model

__all__ = ["BYTES", "METRICS", "PNG", "description"]

BYTES: Final = "application/octet-stream"
PNG: Final = "image/png"
METRICS: Final = "text/plain; version=0.0.4"


def description(model: Model) -> Mapping[str, Any]:
    """Return the protocol as an OpenAPI document."""
    text, numbers = {"type": "string"}, {"type": "array", "items": {"type": "number"}}
    identity = {"model": text, "numbers": {"enum": ["int8", "float32"]}}
    nullable = {"type": ["string", "null"], "description": "null when nothing is drawn"}
    answer = {
        "class": nullable,
        "classes": {"type": "array", "items": text},
        "probabilities": numbers,
        **identity,
    }
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Classify drawings by {model.name}", "version": "1"},
        "paths": {
            "/predict": {
                "post": {
                    "summary": f"{SIDE} x {SIDE} bytes, ink bright, or a PNG of a drawing",
                    "requestBody": {"required": True, "content": {BYTES: binary, PNG: binary}},
                    "responses": {
                        "200": _returned("the answer", answer),
                        "400": _returned("the body is at fault", {"error": text}),
                        "408": _returned("the body came too slowly", {"error": text}),
                        "413": _returned("the body is too large", {"error": text}),
                    },
                }
            },
            "/metrics": {
                "get": {
                    "summary": "what was answered so far, for Prometheus",
                    "responses": {
                        "200": {"description": "counters", "content": {"text/plain": {"schema": text}}}
                    },
                }
            },
            "/health": {
                "get": {
                    "summary": "which model answers",
                    "responses": {"200": _returned("it runs", {"status": text, "name": text, **identity})},
                }
            },
        },
    }


def _returned(words: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = {"type": "object", "required": list(properties), "properties": properties}
    return {"description": words, "content": {"application/json": {"schema": schema}}}

"""The model as JavaScript, for where no Zig is installed: the calls of the int8 network, as in the engine.

A call is a frozen dataclass, so its fields are what the script gets; ``parts/integer_calls.js`` computes a
call under the name of its class.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from typing import Any

import numpy as np

from engine.errors import ExportError
from engine.export.page.assemble import constants, part
from engine.int8.calls import IntegerCall
from engine.nn.model import Model
from engine.nn.predictor import output_activation
from engine.quantize.network import integer_network

__all__ = ["as_javascript"]

_CALL = re.compile(r"^  (\w+)\(call, x\) \{$", re.MULTILINE)


def as_javascript(model: Model) -> str:
    """Return the script of a page that computes the int8 network of `model` in plain JavaScript.

    Raises
    ------
    ExportError
        If a call of the network has no form in JavaScript.
    """
    stages = [stage.call for stage in integer_network(model).stages]
    _check_known(stages)
    last, target = output_activation(model.spec), stages[-1].target
    own = {
        "stages": json.dumps([[type(call).__name__, _plain(call)] for call in stages], separators=(",", ":")),
        "scale": float(np.float32(target.scale)),
        "zero_point": target.zero_point,
        "softmax": last is None or not last.probabilities,
    }
    scripts = ("preprocess.js", "integer_calls.js", "javascript.js")
    return constants(model, own) + "".join(map(part, scripts))


def _check_known(calls: list[IntegerCall]) -> None:
    known = set(_CALL.findall(part("integer_calls.js")))
    unknown = next((name for call in calls if (name := type(call).__name__) not in known), None)
    if unknown is not None:
        raise ExportError(
            f'A page computes {unknown} only as WebAssembly, which Zig compiles; run "pip install '
            "'tinyml-studio[verify]'\" in the Python environment of this program."
        )


def _plain(value: Any) -> Any:
    """Return a call, or a field of one, as what JSON knows; an array by its type and bytes."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return {"type": value.dtype.name, "base64": base64.b64encode(little.tobytes()).decode()}
    return value

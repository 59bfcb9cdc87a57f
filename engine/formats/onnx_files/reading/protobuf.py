"""ONNX files as Python objects. Nothing here trusts a file: sizes are checked before memory is taken.

The checker and shape inference of the package `onnx` are not used: they may read other files, and they are
written in C++, where a hostile file may do harm.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError
from engine.formats.onnx_files.library import onnx

__all__ = ["Fault", "Node", "array_of", "attributes_of", "check_graph", "load"]

MAX_BYTES = 64 << 20
MAX_NODES = 10_000
MAX_NUMBERS = 1 << 24  # of one constant


class Fault(Exception):  # noqa: N818 - the reader makes an error of it
    """Why a node cannot come in; its text is the rest of a sentence that names the node."""


@dataclass(frozen=True)
class Node:
    """One node.

    Attributes
    ----------
    operator, name : str
    inputs, outputs : tuple of str
        Names of tensors; an optional one that is missing is empty.
    attributes : mapping of str to object
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, proto: Any) -> Node:
        """Make a node of one that `onnx` has read."""
        outputs = tuple(proto.output)
        name = proto.name or next(filter(None, outputs), "without a name")
        own = proto.domain not in ("", "ai.onnx", "ai.onnx.ml")
        operator = f"{proto.domain}.{proto.op_type}" if own else proto.op_type
        return cls(operator, name, tuple(proto.input), outputs, attributes_of(proto))

    def __str__(self) -> str:
        return f"node {self.name[:80]!r} ({self.operator[:40]})"


def load(path: str | os.PathLike[str]) -> Any:
    """Return the ``ModelProto`` of a file, whose data in other files is not read.

    Raises
    ------
    FileError
        When the file cannot be read, is too large or is no ONNX file.
    """
    library = onnx()
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise FileError(path, f"it is larger than {MAX_BYTES >> 20} MB; choose a smaller network.")
        data = Path(path).read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror}; choose another file.") from error
    model = library.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:  # of protobuf, whose package need not be installed under one name
        raise FileError(path, "is no ONNX file, or it is damaged; export it again.") from error
    check_graph(path, model.graph)
    return model


def check_graph(path: str | os.PathLike[str], graph: Any) -> None:
    """Raise `FileError` for what no network of ours can have."""
    if not graph.node or not graph.output:
        raise FileError(path, "is no ONNX file with a network, or it is damaged; export it again.")
    if len(graph.node) > MAX_NODES:
        raise FileError(path, f"it has more than {MAX_NODES:,} nodes; choose a smaller network.")
    if graph.sparse_initializer:
        raise FileError(path, "it has sparse weights; export it with dense ones.")


def attributes_of(proto: Any) -> Mapping[str, Any]:
    """Return the attributes of a node by name; text is decoded."""
    values = {a.name: onnx().helper.get_attribute_value(a) for a in proto.attribute}
    return {k: v.decode(errors="replace") if isinstance(v, bytes) else v for k, v in values.items()}


def array_of(tensor: Any) -> NDArray[Any]:
    """Return the numbers of a tensor, or raise `Fault`."""
    where = next((entry.value for entry in tensor.external_data if entry.key == "location"), None)
    if where is not None or tensor.data_location == onnx().TensorProto.EXTERNAL:
        raise Fault(
            f"its numbers {tensor.name[:80]!r} are in another file, {str(where)[:80]!r}; save the network "
            "as one file, with save_as_external_data=False."
        )
    if min(tensor.dims, default=1) < 0 or math.prod(tensor.dims) > MAX_NUMBERS:
        raise Fault(f"its numbers {tensor.name[:80]!r} are too many; choose a smaller network.")
    try:
        values: NDArray[Any] = onnx().numpy_helper.to_array(tensor)
    except Exception as error:  # whatever the package says of damaged data
        raise Fault(f"its numbers {tensor.name[:80]!r} are damaged; export the network again.") from error
    if values.dtype.kind not in "fiub":
        raise Fault(f"its numbers {tensor.name[:80]!r} have the type {values.dtype}; export float32 instead.")
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    return values

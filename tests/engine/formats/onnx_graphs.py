"""ONNX graphs built by hand, in the way that exporters write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

__all__ = ["Chain", "run_model"]


class Chain:
    """Nodes, each of which reads the one before.

    Parameters
    ----------
    shape : sequence of (int or str)
        Of the input.
    kind : int
        Its type.
    """

    def __init__(self, shape: Sequence[int | str], kind: int = onnx.TensorProto.FLOAT) -> None:
        self.input = helper.make_tensor_value_info("x", kind, shape)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.last = "x"

    def add(self, operator: str, *arrays: Any, first: bool = False, **attributes: Any) -> Chain:
        """Add a node that reads the last tensor and constants, or the other way round."""
        names = []
        for array in arrays:
            names.append("" if array is None else f"c{len(self.constants)}")
            if array is not None:
                self.constants.append(numpy_helper.from_array(np.asarray(array), names[-1]))
        inputs = [*names, self.last] if first else [self.last, *names]
        self.last = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [self.last], f"n{len(self.nodes)}", **attributes)
        )
        return self

    def model(self, opset: int = 17) -> Any:
        """Return the model."""
        output = helper.make_tensor_value_info(self.last, onnx.TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [self.input], [output], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run_model(model: Any, x: np.ndarray, output: int = 0) -> np.ndarray:
    """Return what ONNX Runtime gives for the inputs `x`."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[output]

"""A model as an ONNX file: float32, or the int8 network with QDQ nodes.

The nodes are those of the merged kernel calls, as in exported C: batch norm is folded, and Flatten has moved
the channels to the end. So a Transpose stands before it where that changes the order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import engine
from engine.errors import ExportError
from engine.formats.onnx_files.float_nodes import FLOAT_NODES
from engine.formats.onnx_files.graph import Graph, Tensor, onnx_shape
from engine.formats.onnx_files.int8_nodes import INT8_NODES
from engine.formats.onnx_files.library import onnx
from engine.int8.ranges import IMAGE
from engine.nn.activations import LINEAR
from engine.nn.call_chain import Stage, build_network
from engine.nn.kernel_calls import Call
from engine.nn.model import Model
from engine.nn.predictor import output_activation
from engine.quantize.network import integer_network

__all__ = ["CHANNELS_FIRST", "CLASSES", "INPUT", "LAYOUT", "OUTPUT", "write_float32", "write_int8"]

OPSET = 17
IR_VERSION = 8
"""The oldest that can hold the opset, so that older programs read the files, too."""
INPUT, OUTPUT = "image", "outputs"
CLASSES, LAYOUT = "classes", "layout"
"""Keys of the metadata: the class names, a JSON list, and the order of the input's axes."""
CHANNELS_FIRST = "NCHW"

CONTRACT = (
    "Pixels in [0, 1], bytes divided by 255; ink is bright on black. A drawing is cropped to its ink, scaled "
    "to 20 pixels on the longer side and centred by mass in 28 x 28, as in MNIST."
)


def write_float32(model: Model) -> bytes:
    """Return `model` as an ONNX file that computes in float32.

    Raises
    ------
    ExportError
        When a layer has no ONNX form.
    MissingToolError
        When the package `onnx` is not installed.
    """
    graph = Graph()
    x = Tensor(INPUT, model.spec.input_shape)
    for stage in build_network(model).stages:
        write = FLOAT_NODES.get(type(stage.call))
        if write is None:
            raise _no_form(model, stage)
        _enter(graph, model, stage)
        x = write(graph, stage.call, graph.arranged(x, stage.call.in_shape))
    return _file(model, graph, x, "float32")


def write_int8(model: Model) -> bytes:
    """Return the int8 network of `model` as an ONNX file with QDQ nodes.

    Its input and outputs are real numbers; inside, every tensor has the scale and zero point that our network
    has there.

    Raises
    ------
    ExportError
        When a layer has no ONNX form.
    QuantizationError
        When the model is not quantized, or int8 cannot express a layer.
    MissingToolError
        When the package `onnx` is not installed.
    """
    graph = Graph()
    x = graph.quantized(Tensor(INPUT, model.spec.input_shape), IMAGE)
    calls = integer_network(model).stages
    for stage, integer in zip(build_network(model).stages, calls, strict=True):
        call = integer.call
        write = INT8_NODES.get(type(call))
        if write is None:
            raise _no_form(model, stage)
        _enter(graph, model, stage)
        x = write(graph, call, stage.call.function or LINEAR, graph.arranged(x, call.in_shape))
    return _file(model, graph, x, "int8 (QDQ)")


def _enter(graph: Graph, model: Model, stage: Stage[Call]) -> None:
    """Name the nodes that follow after the first layer that `stage` computes."""
    names = [f"layer_{index + 1}_{model.spec.layers[index].kind}" for index in stage.layers[:1]]
    graph.prefix = names[0] if names else "order"


def _no_form(model: Model, stage: Stage[Call]) -> ExportError:
    names = " and ".join(f"{index + 1} ({model.spec.layers[index].title})" for index in stage.layers)
    return ExportError(f"Layer {names} has no ONNX form; put another layer in its place, or export C.")


def _file(model: Model, graph: Graph, x: Tensor, numbers: str) -> bytes:
    helper, kind = onnx().helper, onnx().TensorProto.FLOAT
    graph.prefix = "output"
    graph.named(graph.arranged(x, model.spec.out_shape), OUTPUT)
    ends = (INPUT, model.spec.input_shape), (OUTPUT, model.spec.out_shape)
    given, made = (helper.make_tensor_value_info(name, kind, onnx_shape(shape)) for name, shape in ends)
    body = helper.make_graph(graph.nodes, model.name, [given], [made], graph.constants)
    file = helper.make_model(
        body,
        producer_name="TinyML Studio",
        producer_version=engine.__version__,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        doc_string=f"{model.name}, {numbers}",
    )
    helper.set_model_props(file, _metadata(model, numbers))
    data: bytes = file.SerializeToString(deterministic=True)
    return data


def _metadata(model: Model, numbers: str) -> Mapping[str, str]:
    last = output_activation(model.spec)
    scores = last is not None and last.probabilities
    return {
        CLASSES: json.dumps(list(model.classes), ensure_ascii=False),
        LAYOUT: CHANNELS_FIRST,
        "outputs": "probabilities" if scores else "logits; softmax gives probabilities",
        "preprocessing": CONTRACT,
        "numbers": numbers,
        "model_hash": model.fingerprint,
    }

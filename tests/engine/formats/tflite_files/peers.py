"""The interpreters that read TensorFlow Lite files: LiteRT, and that of TensorFlow Lite Micro."""

from __future__ import annotations

import numpy as np

from tests.engine.formats.peers import needed

ARENA = 1 << 21


def micro(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return what TensorFlow Lite Micro gives for each of `inputs`, (n, numbers)."""
    needed("tflite_micro")
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(data, arena_size=ARENA)
    shape = interpreter.get_input_details(0)["shape"]
    results = []
    for x in inputs:
        interpreter.set_input(x.reshape(shape), 0)
        interpreter.invoke()
        results.append(interpreter.get_output(0).ravel().copy())
    return np.stack(results)


def litert(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return what LiteRT's reference kernels give for each of `inputs`, (n, numbers)."""
    needed("ai_edge_litert")
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for x in inputs:
        interpreter.set_tensor(source["index"], x.reshape(source["shape"]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(target["index"]).ravel().copy())
    return np.stack(results)

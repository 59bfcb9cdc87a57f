"""Write the networks in ``files/`` with PyTorch's new exporter, from a seed; it takes seconds for each.

    python -m tests.engine.formats.make_dynamo_files

The files there were written by PyTorch 2.13.0 with onnxscript.
"""

from __future__ import annotations

import onnx
import torch

from tests.engine.formats.test_onnx_in import KEPT, channels_first, exported, images_of, pytorch_networks

NAMES = ("separable", "unusual", "scaled")


def main() -> None:
    torch.manual_seed(1)
    networks = pytorch_networks()
    for name in NAMES:
        shape, network = networks[name]
        path = KEPT / f"dynamo_{name}.onnx"
        images = torch.from_numpy(channels_first(images_of(shape, 2)))
        exported(network.eval(), images, path, dynamo=True)
        onnx.save(_without_traces(onnx.load(path)), path)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop where in which source file each node comes from."""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return model


if __name__ == "__main__":
    main()

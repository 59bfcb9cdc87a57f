"""ONNX files that cannot come in: one sentence with the node and what to do, soon and without harm."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import FileError
from engine.formats.onnx_files import READER, write_float32, write_int8
from engine.formats.onnx_files.reading import protobuf
from engine.formats.reader import ReadOptions
from engine.nn.layers import AvgPool2D, BatchNorm, Conv2D, Dense, Flatten, PReLU
from engine.nn.specs import ModelSpec
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import CAMPAIGN
from tests.engine.formats.peers import needed

onnx = needed("onnx")
needed("onnxruntime")

from tests.engine.formats.onnx_graphs import Chain  # noqa: E402

OPTIONS = ReadOptions()
WEIGHT = np.ones((2, 1, 3, 3), np.float32)
SPEC = ModelSpec(
    (Conv2D(3, 3), BatchNorm(), PReLU(), AvgPool2D(2), Flatten(), Dense(4, "softmax")), (6, 6, 2)
)


def image(*shape: int | str) -> Chain:
    return Chain(shape or ["n", 1, 6, 6])


def refusal(tmp_path: Path, content: Any) -> str:
    """Return why a file is refused."""
    path = tmp_path / "net.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    with pytest.raises(FileError) as caught:
        READER.read(path, OPTIONS)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 600
    return text.removeprefix(f"{path}: ")


CHAINS: dict[str, tuple[Chain, str]] = {
    "unknown operator": (
        image().add("HardSwish"),
        r"node 'n0' \(HardSwish\): no layer here does that; build",
    ),
    "groups": (
        image("n", 4, 6, 6).add("Conv", np.ones((4, 2, 3, 3), np.float32), group=2),
        r"node 'n0' \(Conv\): it has 2 groups; use one",
    ),
    "one dimension": (
        image().add("Conv", np.ones((2, 1, 3), np.float32)),
        "its kernel has not two dimensions",
    ),
    "weights that are not finite": (
        image().add("Conv", WEIGHT * np.float32(np.nan)).add("Flatten"),
        "its weights hold numbers that are not finite; train the network again",
    ),
    "overlapping pools": (
        image().add("MaxPool", kernel_shape=[3, 3], strides=[2, 2]),
        r"node 'n0' \(MaxPool\): its windows overlap",
    ),
    "padding of something else": (
        image().add("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1])).add("Relu"),
        r"node 'n1' \(Relu\): zeros are put around its input",
    ),
    "other steps for rows": (
        image().add("Conv", WEIGHT, strides=[1, 2]),
        "different steps for rows and columns",
    ),
    "a slope inside a channel": (
        image().add("Mul", np.arange(6, dtype=np.float32)),
        "its constants differ inside a channel",
    ),
    "a batch that is mixed": (image().add("Reshape", np.array([2, 18])), "keep the images of a batch apart"),
    "limits": (image().add("Clip", np.float32(-1), np.float32(1)), "it limits numbers to -1 … 1; only ReLU"),
    "a dense layer on an image": (
        image().add("MatMul", np.ones((6, 2), np.float32)),
        "put Flatten before it",
    ),
    "a weight that does not fit": (
        image().add("Flatten").add("MatMul", np.ones((7, 2), np.float32)),
        "its weight does not fit its input",
    ),
    "another order of outputs": (
        image().add("Transpose", perm=[0, 1, 3, 2]).add("Flatten"),
        "its outputs are in another order",
    ),
    "an open height": (
        image("n", 1, "h", 6).add("Relu"),
        r"has the dimensions \[0, 1, 0, 6\]; export it with",
    ),
    "an absurd input": (image("n", 1, 1 << 31, 6).add("Relu"), "export it with a fixed height"),
    "a huge constant": (
        image().add("Mul", np.float32(1)).add("Reshape", np.array([1, -1, 1 << 40])),
        "its inputs do not fit together",
    ),
    "a class instead of scores": (
        image().add("Flatten").add("ArgMax"),
        r"\(ArgMax\): no layer here does that",
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_network_that_is_none_of_ours_is_refused(name: str, tmp_path: Path) -> None:
    chain, words = CHAINS[name]
    assert re.search(words, refusal(tmp_path, chain.model()))


def branching(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Add", ["t0", "t1"], ["sum"], "skip"))
    model.graph.output[0].name = "sum"


def circular(model: Any) -> None:
    model.graph.node[0].input[0] = "t1"


def external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../../etc/passwd"), ("offset", str(1 << 31)), ("length", "72")):
        tensor.external_data.add(key=key, value=value)


def absurd(model: Any) -> None:
    model.graph.initializer[0].dims[0] = 1 << 40


def negative(model: Any) -> None:
    model.graph.initializer[0].dims[0] = -1


def cut(model: Any) -> None:
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-3]


def two_inputs(model: Any) -> None:
    model.graph.input.append(onnx.helper.make_tensor_value_info("y", 1, [1, 1]))


def lost_output(model: Any) -> None:
    model.graph.output[0].name = "nowhere"


def old(model: Any) -> None:
    model.opset_import[0].version = 6


def sparse(model: Any) -> None:
    model.graph.sparse_initializer.add()


def empty(model: Any) -> None:
    model.graph.ClearField("node")


CHANGES: dict[Callable[[Any], None], str] = {
    branching: r"node 'skip' \(Add\): it reads 't0', which is not what the node before gave",
    circular: r"node 'n0' \(Conv\): it reads 't1', which is not what the node before gave",
    external: r"'c0' are in another file, '../../etc/passwd'; save the network as one file",
    absurd: "'c0' are too many; choose a smaller network",
    negative: "'c0' are too many; choose a smaller network",
    cut: "'c0' are damaged; export the network again",
    two_inputs: "it has 2 inputs; only networks with one input",
    lost_output: "its output 'nowhere' does not come from its input",
    old: "it has the operator set 6; export it with one from 13 to 21",
    sparse: "it has sparse weights; export it with dense ones",
    empty: "is no ONNX file with a network",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_graph_that_is_no_chain_is_refused(change: Callable[[Any], None], tmp_path: Path) -> None:
    model = image().add("Conv", WEIGHT).add("Relu").add("GlobalAveragePool").add("Flatten").model()
    change(model)
    assert re.search(CHANGES[change], refusal(tmp_path, model))


def test_a_file_that_is_no_onnx_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"\x08", b"%PDF-1.7", bytes(range(256)) * 9):
        assert "is no ONNX file" in refusal(tmp_path, content)
    monkeypatch.setattr(protobuf, "MAX_BYTES", 1 << 20)
    assert "it is larger than 1 MB" in refusal(tmp_path, bytes((1 << 20) + 1))
    with pytest.raises(FileError, match="cannot be read: No such file"):
        READER.read(tmp_path / "none.onnx", OPTIONS)


def test_wrong_numbers_of_classes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(write_float32(quantized(SPEC)))
    with pytest.raises(FileError, match="has 4 outputs, but 1 class names were given"):
        READER.read(tmp_path / "net.onnx", ReadOptions(classes=("a",)))


SECONDS, MEMORY = 1.0, 512 << 20


@pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=CAMPAIGN)])
def test_damaged_files_do_no_harm(count: int, tmp_path: Path) -> None:
    """Bytes are changed, left out and repeated, and the fields of the messages are exchanged."""
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    whole = [write(quantized(SPEC)) for write in (write_float32, write_int8)]
    path, slowest, came_in = tmp_path / "net.onnx", 0.0, 0
    for _ in range(count):
        content = damaged(rng, whole[rng.integers(2)])
        path.write_bytes(content)
        start = time.process_time()
        try:
            READER.read(path, OPTIONS)
            came_in += 1
        except FileError as error:
            assert str(error).endswith(".")  # noqa: PT017
        slowest = max(slowest, time.process_time() - start)
    print(f"{came_in} of {count} came in; the slowest took {slowest:.2f} s")  # noqa: T201
    assert slowest < SECONDS
    assert sorted(tmp_path.iterdir()) == [path]


def damaged(rng: np.random.Generator, content: bytes) -> bytes:
    if rng.random() < 0.5:
        return bytes(_with_other_bytes(rng, bytearray(content)))
    model = onnx.load_from_string(content)
    for _ in range(rng.integers(1, 4)):
        _exchange(rng, model.graph)
    return model.SerializeToString()


def _with_other_bytes(rng: np.random.Generator, data: bytearray) -> bytearray:
    for _ in range(rng.integers(1, 9)):
        at = int(rng.integers(len(data)))
        if rng.random() < 0.1:
            del data[at : at + int(rng.integers(1, 50))]
        else:
            data[at] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(256)]))
    return data


def _exchange(rng: np.random.Generator, graph: Any) -> None:
    node, other = (graph.node[rng.integers(len(graph.node))] for _ in range(2))
    tensor = graph.initializer[rng.integers(len(graph.initializer))]
    choice = rng.integers(6)
    if choice == 0:
        node.op_type = other.op_type
    elif choice == 1 and node.input:
        node.input[rng.integers(len(node.input))] = str(rng.choice([*other.input, *other.output, "image"]))
    elif choice == 2 and len(tensor.dims):
        tensor.dims[rng.integers(len(tensor.dims))] = int(rng.choice([0, -1, 1, 1 << 31, 1 << 62]))
    elif choice == 3:
        tensor.data_type = int(rng.integers(0, 25))
    elif choice == 4 and node.attribute:
        attribute = node.attribute[rng.integers(len(node.attribute))]
        attribute.i = int(rng.choice([0, -1, 7, 1 << 40]))
        for i in range(len(attribute.ints)):
            attribute.ints[i] = int(rng.choice([0, -1, 1, 5, 1 << 40]))
    else:
        dim = graph.input[0].type.tensor_type.shape.dim[rng.integers(4)]
        dim.dim_value = int(rng.choice([0, -5, 1, 7, 1 << 40]))


def test_the_memory_of_the_largest_file_is_bounded(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chain = image("n", 1, 1024, 1024)
    for _ in range(40):
        chain.add("Transpose", perm=[0, 1, 3, 2]).add("Mul", np.float32(1.5))
    chain.add("GlobalAveragePool").add("Flatten")
    start = time.process_time()
    assert "the network is too large up to here" in refusal(tmp_path, chain.model())
    assert time.process_time() - start < 2 * SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < MEMORY

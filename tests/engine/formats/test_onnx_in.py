"""ONNX files that other programs wrote come in with the answers that those programs give."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import FileError
from engine.formats import READERS
from engine.formats.onnx_files import READER, write_float32, write_int8
from engine.formats.reader import Imported, ReadOptions
from engine.nn.layers import BatchNorm
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import CAMPAIGN
from tests.engine.export.test_c_float32 import chain
from tests.engine.formats.peers import needed
from tests.engine.helpers import CASES, network_around, share

onnx = needed("onnx")
runtime = needed("onnxruntime")

from tests.engine.formats.onnx_graphs import Chain, run_model  # noqa: E402

TOLERANCE = 1e-5
COUNT = 50
PARTS = 8
KEPT = Path(__file__).parent / "files"


def read(tmp_path: Path, content: Any, **options: Any) -> Imported:
    data = content if isinstance(content, bytes) else content.SerializeToString()
    (tmp_path / "net.onnx").write_bytes(data)
    assert READER.recognizes(data[:4096])
    return READER.read(tmp_path / "net.onnx", ReadOptions(**options))


def images_of(shape: tuple[int, ...], count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, *shape), dtype=np.uint8)


def channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def assert_same(found: Imported, images: np.ndarray, wanted: np.ndarray) -> None:
    outputs = Predictor(found.model, len(images)).logits(images)
    assert outputs.shape == wanted.shape
    assert np.abs(outputs - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_the_reader_is_in_the_table() -> None:
    assert READERS["onnx"] is READER
    assert not READER.recognizes(b"PK\x03\x04")
    assert not READER.recognizes(b"")


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=CAMPAIGN) for part in range(1, PARTS))])
def test_what_we_write_comes_in_with_every_number(part: int, tmp_path: Path) -> None:
    for seed, number in enumerate(share(part, PARTS)):
        assert_comes_back(network_around(*CASES[number], probe=False), seed, tmp_path)


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=CAMPAIGN)])
def test_random_networks_come_back(count: int, tmp_path: Path) -> None:
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    for number in range(count):
        assert_comes_back(chain(rng), number, tmp_path)


def assert_comes_back(spec: Any, seed: int, tmp_path: Path) -> None:
    model = quantized(spec, seed)
    images = images_of(spec.input_shape)
    found = read(tmp_path, write_float32(model))
    assert found.model.classes == model.classes
    assert_same(found, images, Predictor(model, len(images)).logits(images))
    integer = IntegerPredictor(read(tmp_path, write_int8(model)).model)
    steps = np.abs(integer.run(images).astype(int) - IntegerPredictor(model).run(images))
    ours = IntegerPredictor(model).output
    is_same_scale = integer.output.scale == pytest.approx(ours.scale)  # it comes back through float32
    assert (is_same_scale and integer.output.zero_point == ours.zero_point) or steps.max() == 0
    assert steps.max() <= 1, spec


def pytorch_networks() -> dict[str, tuple[tuple[int, int, int], Any]]:
    torch = needed("torch")
    nn = torch.nn

    class Scaled(nn.Module):
        """Scales its input, pools by a mean and makes vectors in three ways."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 3, 3), nn.Linear(108, 6)

        def forward(self, x: Any) -> Any:
            x = torch.relu(self.first((x - 0.13) / 0.31))
            return torch.clamp(self.second(x.view(x.size(0), -1)), 0, 6)

    lenet = nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Dropout(0.5), nn.ReLU(), nn.Linear(120, 10)),
    )
    separable = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()),
        *(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 1)),
        *(nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5), nn.Softmax(1)),
    )
    unusual = nn.Sequential(
        *(nn.Conv2d(2, 4, (3, 5), padding=(1, 2)), nn.PReLU(4), nn.AvgPool2d(2), nn.ZeroPad2d((0, 1, 0, 1))),
        *(nn.Conv2d(4, 6, 2), nn.Tanh(), nn.Upsample(scale_factor=2), nn.LeakyReLU(0.01)),
        *(nn.Conv2d(6, 6, 3, dilation=2, padding=2), nn.MaxPool2d(2), nn.Flatten(), nn.BatchNorm1d(120)),
        *(nn.Linear(120, 4), nn.Sigmoid()),
    )
    return {
        "lenet": ((28, 28, 1), lenet),
        "separable": ((16, 12, 3), separable),
        "unusual": ((11, 9, 2), unusual),
        "scaled": ((8, 8, 1), Scaled()),
    }


def exported(network: Any, x: Any, path: Path, dynamo: bool, fold: bool = True) -> bytes:
    torch = needed("torch")
    new: dict[str, Any] = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False}
    old = {"do_constant_folding": fold, "dynamic_axes": {"x": {0: "batch"}} if fold else None}
    more = (
        {"dynamo": True, "optimize": fold, **new}
        if dynamo
        else {"dynamo": False, "input_names": ["x"], **old}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (x,), str(path), verbose=False, **more)
    return path.read_bytes()


EXPORTERS = {"torchscript": (False, True), "torchscript, nothing folded": (False, False)}
SLOW_EXPORTERS = {"dynamo": (True, True), "dynamo, not optimized": (True, False)}


@pytest.mark.parametrize("name", ["lenet", "separable", "unusual", "scaled"])
@pytest.mark.parametrize(
    "exporter", [*EXPORTERS, *(pytest.param(name, marks=CAMPAIGN) for name in SLOW_EXPORTERS)]
)
def test_pytorch(name: str, exporter: str, tmp_path: Path) -> None:
    check_pytorch(name, *(EXPORTERS | SLOW_EXPORTERS)[exporter], tmp_path)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.onnx")), ids=lambda path: path.stem)
def test_kept_files_of_its_new_exporter(path: Path, tmp_path: Path) -> None:
    """It takes many seconds, so these were written once: see `make_dynamo_files.py`."""
    shape = pytorch_networks()[path.stem.removeprefix("dynamo_")][0]
    images = images_of(shape, 2)
    wanted = run_model(onnx.load(path), channels_first(images))
    assert_same(read(tmp_path, path.read_bytes()), images, wanted)


def check_pytorch(name: str, dynamo: bool, fold: bool, tmp_path: Path) -> None:
    torch = needed("torch")
    torch.manual_seed(1)
    shape, network = pytorch_networks()[name]
    for module in network.modules():
        if hasattr(module, "running_var"):
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.weight, -1.5, 1.5)
    network.eval()
    images = images_of(shape)
    x = torch.from_numpy(channels_first(images))
    content = exported(network, x[:2], tmp_path / "torch.onnx", dynamo, fold)
    assert_same(read(tmp_path, content), images, network(x).detach().numpy())


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("labels", ["ab", "abc"])
@pytest.mark.parametrize("zipped", [True, False])
def test_scikit_learn(activation: str, labels: str, zipped: bool, tmp_path: Path) -> None:
    convert = needed("skl2onnx").to_onnx
    networks = needed("sklearn.neural_network")
    pipeline, scaler = needed("sklearn.pipeline"), needed("sklearn.preprocessing")
    images = images_of((8, 8, 1))
    x = images.reshape(COUNT, -1).astype(np.float32) / np.float32(255)
    y = np.array(list(labels))[np.arange(COUNT) % len(labels)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few steps are enough
        mlp = networks.MLPClassifier((12, 7), activation=activation, max_iter=3, random_state=0)
        model = pipeline.make_pipeline(scaler.StandardScaler(), mlp).fit(x, y)
    content = convert(model, x[:1], options={id(model): {"zipmap": zipped}})
    found = read(tmp_path, content, classes=None if zipped else tuple(labels))
    assert found.model.classes == tuple(labels)
    scores = Predictor(found.model, COUNT).probabilities(images)
    assert np.abs(scores - model.predict_proba(x)).max() <= TOLERANCE


def keras_network(softmax: bool = True) -> Chain:
    """Return what tf2onnx writes: channels last outside, first inside; padding SAME; MatMul, then Add."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / 3).astype(np.float32)

    graph = (
        Chain(["batch", 9, 8, 2])
        .add("Transpose", perm=[0, 3, 1, 2])
        .add("Conv", normal(5, 2, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
        .add("Add", normal(1, 5, 1, 1))
        .add("Clip", np.float32(0), np.float32(6))
        .add("Conv", normal(5, 1, 3, 3), normal(5), group=5, pads=[1, 1, 1, 1])
        .add("BatchNormalization", normal(5), normal(5), normal(5), normal(5) ** 2, epsilon=1e-3)
        .add("LeakyRelu", alpha=0.3)
        .add("MaxPool", kernel_shape=[2, 2], strides=[2, 2], auto_pad="VALID")
        .add("Transpose", perm=[0, 2, 3, 1])
        .add("Reshape", np.array([-1, 20]))
        .add("MatMul", normal(20, 7))
        .add("Add", normal(7), first=True)
        .add("Tanh")
        .add("MatMul", normal(7, 3))
        .add("Add", normal(3))
    )
    return graph.add("Softmax", axis=-1) if softmax else graph


def test_keras(tmp_path: Path) -> None:
    images, model = images_of((9, 8, 2)), keras_network().model()
    wanted = run_model(model, images.astype(np.float32) / np.float32(255))
    assert_same(read(tmp_path, model), images, wanted)


def test_bytes_that_a_network_scales_itself(tmp_path: Path) -> None:
    graph = Chain(["n", 6, 6, 1], onnx.TensorProto.UINT8).add("Cast", to=onnx.TensorProto.FLOAT)
    graph.add("Div", np.float32(255)).add("ReduceMean", axes=[1, 2], keepdims=0)
    images = images_of((6, 6, 1))
    found = read(tmp_path, graph.model())
    assert_same(found, images, run_model(graph.model(), images))
    assert not [layer for layer in found.model.spec.layers if layer.kind == BatchNorm.kind]


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 3), (5, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 1, 0), (2, 2, 2, 2)])
def test_every_kernel_is_exact_or_refused(
    kernel: tuple[int, int], stride: int, pads: tuple[int, ...], tmp_path: Path
) -> None:
    weight = np.random.default_rng(0).standard_normal((1, 1, *kernel)).astype(np.float32)
    graph = Chain(["n", 1, 8, 7]).add("Conv", weight, strides=[stride] * 2, pads=list(pads)).add("Flatten")
    images = images_of((8, 7, 1))
    try:
        found = read(tmp_path, graph.model())
    except FileError as error:
        assert "node 'n0' (Conv): its padding" in str(error)  # noqa: PT017
    else:
        assert_same(found, images, run_model(graph.model(), channels_first(images)))


def plain_network() -> Chain:
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / 3).astype(np.float32)

    return (
        Chain(["n", 2, 9, 8])
        .add("Conv", normal(5, 2, 3, 3), normal(5), pads=[1, 1, 1, 1])
        .add("Relu")
        .add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        .add("Conv", normal(6, 5, 3, 3), normal(6))
        .add("Relu")
        .add("Flatten")
        .add("Gemm", normal(7, 24), normal(7), transB=1)
        .add("Relu")
        .add("Gemm", normal(3, 7), normal(3), transB=1)
    )


def in_int8(graph: Chain, x: np.ndarray, folder: Path, unsigned: bool) -> Any:
    """Return what ONNX Runtime's own quantizer makes of a network."""
    quantization = needed("onnxruntime.quantization")

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter([{"x": np.concatenate([x, 0 * x[:1], 0 * x[:1] + 1])}])

        def get_next(self) -> Any:
            return next(self.batches, None)

    onnx.save(graph.model(), folder / "float.onnx")
    kinds = quantization.QuantType
    logging.disable(logging.WARNING)
    try:
        quantization.quantize_static(
            folder / "float.onnx",
            folder / "int8.onnx",
            Calibration(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=kinds.QUInt8 if unsigned else kinds.QInt8,
            weight_type=kinds.QInt8,
        )
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load(folder / "int8.onnx")


@pytest.mark.parametrize("unsigned", [False, True])
def test_int8_files_of_onnx_runtime(unsigned: bool, tmp_path: Path) -> None:
    """Its own quantizer: scales and zero points come in as they are; a ReLU that it drops is put back."""
    images = images_of((9, 8, 2), 200)
    x = channels_first(images)
    theirs = in_int8(plain_network(), x, tmp_path, unsigned)
    found = read(tmp_path, theirs)
    wanted = run_model(theirs, x)
    assert found.model.quantization is not None
    ours = IntegerPredictor(found.model)
    steps = np.abs(ours.logits(images) - wanted) / ours.output.scale
    print(f"at most {steps.max():.2f} steps off, {(steps > 0.5).mean():.1%} of the outputs")  # noqa: T201
    assert steps.max() < 4.5  # four layers
    floats = np.abs(Predictor(found.model, len(images)).logits(images) - wanted) / ours.output.scale
    assert floats.max() < 8


def test_what_an_int8_file_loses_is_said(tmp_path: Path) -> None:
    images = images_of((9, 8, 2), 200)
    x = images.astype(np.float32) / np.float32(255)
    found = read(tmp_path, in_int8(keras_network(softmax=False), x, tmp_path, unsigned=False))
    assert any("has a scale of its own in int8 there" in remark for remark in found.remarks)
    assert any("in int8 there and 0.0078125 here" in remark for remark in found.remarks)

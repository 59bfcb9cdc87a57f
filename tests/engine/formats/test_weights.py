"""Weights of PyTorch and Keras give their programs' answers in the network that the user names."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import FileError, MissingToolError
from engine.export import FORMATS, ExportOptions
from engine.formats import READERS
from engine.formats.imports import find_reader, read_with
from engine.formats.reader import ReadOptions
from engine.nn.layers import (
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAvgPool2D,
    MaxPool2D,
    PReLU,
)
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.specs import ModelSpec
from tests.engine.conftest import Run
from tests.engine.formats import samples
from tests.engine.formats.samples import KERAS, KERAS_FILES, NORMED, random_model, written

Arrays = Mapping[str, np.ndarray]


def torch_library() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")


def lenet(nn: Any) -> tuple[ModelSpec, Any]:
    spec = ModelSpec(
        (
            Conv2D(4, 3),
            MaxPool2D(2),
            Conv2D(4, 3),
            AvgPool2D(2),
            Flatten(),
            Dense(7, "tanh"),
            Dense(7),
            Dense(3),
        ),
        (8, 12, 3),
    )
    return spec, nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(24, 7), nn.Tanh(), nn.Linear(7, 7), nn.Linear(7, 3),
    )  # fmt: skip


def separable(nn: Any) -> tuple[ModelSpec, Any]:
    plain = {"activation": "linear", "bias": False}
    spec = ModelSpec(
        (
            Conv2D(4, 3, **plain), BatchNorm(), PReLU(),
            DepthwiseConv2D(3, **plain), BatchNorm(), Conv2D(6, 1, activation="relu"),
            GlobalAvgPool2D(), Dense(3),
        ),
        (6, 5, 2),
    )  # fmt: skip
    return spec, nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.PReLU(4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.Conv2d(4, 6, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


def normed_features(nn: Any) -> tuple[ModelSpec, Any]:
    """Batch norm and PReLU between flatten and dense have their numbers in PyTorch's order too."""
    spec = ModelSpec((Conv2D(2, 3, activation="relu"), Flatten(), BatchNorm(), PReLU(), Dense(3)), (4, 3, 1))
    return spec, nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.BatchNorm1d(24),
        nn.PReLU(24),
        nn.Linear(24, 3),
    )


def safetensors_by_library(state: Mapping[str, Any], path: Path) -> None:
    save = pytest.importorskip("safetensors.torch", reason="safetensors is not installed").save_file
    save(dict(state), path)


def npz(state: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, **{name: tensor.numpy() for name, tensor in state.items()})


def npz_packed(state: Mapping[str, Any], path: Path) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(stream, **{name: tensor.numpy() for name, tensor in state.items()})


def pt(state: Mapping[str, Any], path: Path) -> None:
    torch_library().save({"epoch": 3, "state_dict": dict(state)}, path)


SAVERS = {
    "safetensors": safetensors_by_library,
    "npz": npz,
    "npz packed": npz_packed,
    "pt": pt,
}


@pytest.mark.parametrize("save", SAVERS.values(), ids=list(SAVERS))
@pytest.mark.parametrize("make", [lenet, separable, normed_features])
def test_a_state_dict_gives_pytorch_s_answers(
    make: Callable[..., Any], save: Callable[..., None], tmp_path: Path
) -> None:
    torch = torch_library()
    torch.manual_seed(5)
    spec, net = make(torch.nn)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape) * 0.5 + 0.1)
    net.eval()
    path = tmp_path / "net.weights"
    save(net.state_dict(), path)
    found = read_with(find_reader(path), path, ReadOptions(spec)).model
    images = np.random.default_rng(0).integers(0, 256, (6, *spec.input_shape), np.uint8)
    with torch.no_grad():
        theirs = net(torch.tensor(images).permute(0, 3, 1, 2).float() / 255).numpy()
    np.testing.assert_allclose(Predictor(found).logits(images), theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net.weights.h5"])
def test_weights_of_keras_give_its_answers(name: str) -> None:
    path = KERAS_FILES / name
    found = read_with(find_reader(path), path, ReadOptions(KERAS))
    with np.load(KERAS_FILES / "answers.npz") as known:
        images, answers = known["images"], known["answers"]
    if name == "net.weights.h5":  # it does not say the epsilon, which is not the usual one here
        assert (
            "The epsilon of batch norm was taken as 0.001, as Keras has it unless told otherwise."
            in found.remarks
        )
        assert not np.allclose(Predictor(found.model).logits(images), answers, rtol=1e-5)
        return
    np.testing.assert_allclose(Predictor(found.model).logits(images), answers, rtol=1e-5, atol=1e-6)


def test_numbers_of_half_and_brain_precision(tmp_path: Path) -> None:
    torch = torch_library()
    spec = ModelSpec((Flatten(), Dense(2)), (1, 3, 1))
    weight, bias = torch.rand(2, 3), torch.rand(2)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        path = tmp_path / "net.safetensors"
        safetensors_by_library({"fc.weight": weight.to(dtype), "fc.bias": bias.to(dtype)}, path)
        found = read_with(READERS["safetensors"], path, ReadOptions(spec)).model
        np.testing.assert_array_equal(found.params[:6], weight.to(dtype).float().numpy().ravel())


def save_npz(folder: Path, arrays: Arrays) -> Path:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return written(folder, stream.getvalue(), ".npz")


def same_numbers(name: str, number: int) -> list[tuple[str, np.ndarray]]:
    """Return the arrays of a 2 by 2 layer that holds only `number`."""
    shapes = {"weight": (2, 2), "bias": (2,)}
    return [(f"{name}.{role}", np.full(shape, number, np.float32)) for role, shape in shapes.items()]


def test_layers_of_one_shape_are_told_apart_by_the_order_of_the_file(tmp_path: Path) -> None:
    spec = ModelSpec((Flatten(), Dense(2), Dense(2), Dense(2)), (1, 2, 1))
    arrays = dict(pair for n, name in enumerate("zab") for pair in same_numbers(name, n))
    found = read_with(READERS["npz"], save_npz(tmp_path, arrays), ReadOptions(spec)).model
    assert found.params[:12].reshape(3, 4)[:, 0].tolist() == [0, 1, 2]


def test_a_safetensors_file_without_order_is_read_by_the_numbers_in_its_names(tmp_path: Path) -> None:
    spec = ModelSpec((Flatten(), Dense(2), Dense(2)), (1, 2, 1))
    arrays = dict(pair for n in (10, 9) for pair in same_numbers(f"fc{n}", n))
    path = written(tmp_path, samples.safetensors(arrays), ".safetensors")
    found = read_with(READERS["safetensors"], path, ReadOptions(spec)).model
    assert found.params[:8].reshape(2, 4)[:, 0].tolist() == [9, 10]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"3.weight": np.zeros((2, 25), "f4")},
            "Layer 4: Dense needs bias 2, weight 2×24; the file has 3 (bias 2, weight 2×25)",
        ),
        ({"7.weight": np.zeros((2, 2), "f4")}, "the network has no layer for 7 (weight 2×2)"),
        (
            {"0.weight": np.full((2, 2, 3, 3), np.nan, "f4")},
            "Layer 1: its weight holds numbers that 32 bits cannot hold",
        ),
        ({"3.bias": np.array([1e300, 0])}, "Layer 4: its bias holds numbers that 32 bits cannot hold"),
        ({"3.bias": np.array(["a", "b"])}, "3.bias.npy holds no numbers"),
    ],
)
def test_arrays_that_do_not_fit_name_the_layer(changes: Arrays, words: str, tmp_path: Path) -> None:
    path = save_npz(tmp_path, {**samples.state_dict(NORMED), **changes})
    with pytest.raises(FileError, match=re.escape(words)):
        read_with(READERS["npz"], path, ReadOptions(NORMED))


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    torch = torch_library()
    made = tmp_path / "made"
    torch.save({"0.weight": Harmful(made)}, tmp_path / "net.pt")
    stream = io.BytesIO()
    np.savez(stream, weight=np.array([Harmful(made)], object))
    for name, path in (("pt", tmp_path / "net.pt"), ("npz", written(tmp_path, stream.getvalue(), ".npz"))):
        with pytest.raises(FileError):
            read_with(READERS[name], path, ReadOptions(NORMED))
    assert not made.exists()
    pickle.loads(pickle.dumps(Harmful(made)))  # so it does harm where pickles are trusted
    assert made.exists()


def test_a_damaged_pt_file_is_one_sentence_without_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    content = samples.pt(samples.state_dict(NORMED), is_zip=True)
    odd = content.replace(b"\x80\x02", b"\x80\x75", 1)  # another version of pickles, which PyTorch warns of
    assert odd != content
    warnings.simplefilter("always")
    with pytest.raises(FileError, match="damaged; take an intact copy"):
        read_with(READERS["pt"], written(tmp_path, odd[:-40], ".pt"), ReadOptions(NORMED))
    with suppress(FileError):
        read_with(READERS["pt"], written(tmp_path, odd, ".pt"), ReadOptions(NORMED))
    assert [str(found.message) for found in recwarn] == []


@pytest.mark.parametrize(
    "facts",
    [
        {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 40]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        {"dtype": "F8_E4M3", "shape": [8], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": "ab", "data_offsets": [0, 8]},
        {"dtype": "F32"},
        [],
    ],
)
def test_a_tensor_s_sizes_are_not_believed(facts: object, tmp_path: Path) -> None:
    text = json.dumps({"a.weight": facts}).encode()
    path = written(tmp_path, struct.pack("<Q", len(text)) + text + bytes(8), ".safetensors")
    with pytest.raises(FileError):
        read_with(READERS["safetensors"], path, ReadOptions(NORMED))


def hdf5() -> Any:
    return pytest.importorskip("h5py", reason="h5py is not installed: pip install '.[keras]'")


def external_link(file: Any, folder: Path) -> None:
    file["dense"] = hdf5().ExternalLink(str(folder / "other.h5"), "/dense")


def external_data(file: Any, folder: Path) -> None:
    (folder / "secret.bin").write_bytes(bytes(16))
    file.create_dataset("dense/kernel", (4,), "f4", external=[(str(folder / "secret.bin"), 0, 16)])


def circle(file: Any, folder: Path) -> None:
    file.create_group("dense")["again"] = file["/"]


def soft_link(file: Any, folder: Path) -> None:
    file["dense"] = hdf5().SoftLink("/")


def huge(file: Any, folder: Path) -> None:
    file.create_dataset("dense/kernel", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


@pytest.mark.parametrize("spoil", [external_link, external_data, circle, soft_link, huge])
def test_an_hdf5_file_that_points_elsewhere_is_refused(spoil: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    with hdf5().File(path, "w") as file:
        spoil(file, tmp_path)
    with pytest.raises(FileError) as caught:
        read_with(READERS["keras-h5"], path, ReadOptions(NORMED))
    assert "\n" not in str(caught.value)


def files_of(name: str, model: Model) -> Mapping[str, bytes]:
    return FORMATS[name].prepare(model, ExportOptions("net", test_vectors=0)).files


def test_npz_is_a_state_dict_that_pytorch_loads(tmp_path: Path) -> None:
    torch = torch_library()
    spec, net = lenet(torch.nn)
    model = random_model(spec)
    with np.load(io.BytesIO(files_of("npz", model)["net.npz"])) as arrays:
        values = [torch.tensor(values) for values in arrays.values()]
    keys = [f"{n}.{role}" for n in (0, 3, 7, 9, 10) for role in ("weight", "bias")]
    with np.load(io.BytesIO(files_of("npz", model)["net.npz"])) as arrays:
        assert list(arrays) == [f"{n}.{role}" for n in (0, 2, 5, 6, 7) for role in ("weight", "bias")]
    net.load_state_dict(dict(zip(keys, values, strict=True)))
    images = np.random.default_rng(0).integers(0, 256, (4, *spec.input_shape), np.uint8)
    with torch.no_grad():
        theirs = net(torch.tensor(images).permute(0, 3, 1, 2).float() / 255).numpy()
    np.testing.assert_allclose(theirs, Predictor(model).logits(images), rtol=1e-5, atol=1e-5)


def test_npz_comes_back_with_the_same_bits(run: Run, tmp_path: Path) -> None:
    model = random_model(separable_spec())
    path = written(tmp_path, files_of("npz", model)["net.npz"], ".npz")
    back = read_with(READERS["npz"], path, ReadOptions(model.spec, model.classes)).model
    np.testing.assert_array_equal(back.params, model.params)


def separable_spec() -> ModelSpec:
    return ModelSpec((Conv2D(4, 3), DepthwiseConv2D(3), PReLU(), Flatten(), PReLU(), Dense(3)), (5, 4, 2))


def test_csv_files_hold_every_number_and_are_listed() -> None:
    model = random_model(NORMED)
    files = {path: content.decode() for path, content in files_of("csv", model).items()}
    listed = list(csv.DictReader(io.StringIO(files["net_csv/arrays.csv"])))
    assert [row["file"] for row in listed] == [path.removeprefix("net_csv/") for path in list(files)[1:]]
    assert listed[0] == {"file": "0.weight.csv", "layer": "Convolution", "shape": "2×2×3×3"}
    with np.load(io.BytesIO(files_of("npz", model)["net.npz"])) as arrays:
        for name, values in arrays.items():
            table = np.loadtxt(io.StringIO(files[f"net_csv/{name}.csv"]), np.float32, delimiter=",", ndmin=2)
            np.testing.assert_array_equal(table.ravel(), values.ravel())
            assert len(table) == len(values)


def test_the_command_line_takes_weights_for_a_preset(run: Run, tmp_path: Path) -> None:
    assert run("export", "digits", "--format", "npz", "--out", "made", "--name", "net")[0] == 0
    code, _, err = run("import", "made/net.npz", "--out", "net.tinyml")
    assert code == 2
    assert "are numbers without a network; name the network that they belong to (--network:" in err
    assert run("import", "made/net.npz", "--network", "digits", "--out", "net.tinyml")[0] == 0
    code, out, _ = run("compare", "net.tinyml", "digits", "--data", "starter", "--json")
    assert code == 0
    assert json.loads(out)["agreement"] == 1
    assert json.loads(out)["largest_difference"] < 1e-4


def test_a_model_file_is_not_taken_for_weights() -> None:
    with zipfile.ZipFile(io.BytesIO(), "w") as archive:
        archive.writestr("model.json", "{}")
        archive.fp.seek(0)  # type: ignore[union-attr]
        head = archive.fp.read(4096)  # type: ignore[union-attr]
    assert [reader.name for reader in READERS.values() if reader.recognizes(head)] == []


@pytest.mark.parametrize(
    ("name", "module", "extra"), [("pt", "torch", "torch"), ("keras-h5", "h5py", "keras")]
)
def test_a_missing_package_is_named_with_its_extra(
    name: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = b"\x89HDF\r\n\x1a\n" if name == "keras-h5" else b"\x80\x02"
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingToolError, match=re.escape(f"package {module}; run \"pip install 'tinyml-studio[{extra}]'")
    ):
        read_with(READERS[name], written(tmp_path, head, ".dat"), ReadOptions(NORMED))

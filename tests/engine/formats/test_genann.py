"""Genann networks come in with Genann's answers, and go out so that Genann reads the same bits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue
from engine.errors import ExportError, FileError
from engine.export import ExportOptions, prepare_export
from engine.formats import READERS
from engine.formats.imports import read_with
from engine.formats.reader import ReadOptions
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from tests.engine.conftest import Run
from tests.engine.formats import genann_program
from tests.engine.formats.samples import DENSE, random_model, written

GENANN = READERS["genann"]
RELU = ModelSpec((Flatten(), Dense(5, "relu"), Dropout(), Dense(5), Activation("relu"), Dense(3)), (3, 4, 2))
BARE = ModelSpec((Flatten(), Dense(3)), (4, 4, 1))
WIDE = ModelSpec((Flatten(), Dense(6), BatchNorm(), Activation("tanh"), Dense(2, "sigmoid")), (5, 5, 1))
SPECS = {"sigmoid": DENSE, "relu": RELU, "bare": BARE, "batch-norm": WIDE}
FUNCTIONS = {"sigmoid": ("sigmoid", "sigmoid"), "relu": ("relu", "linear"), "bare": ("linear", "linear")}
FUNCTIONS["batch-norm"] = ("tanh", "sigmoid")
NETWORKS = pytest.mark.parametrize("name", SPECS)


def files_of(model: Model) -> dict[str, str]:
    files = prepare_export(model, "genann", ExportOptions("net")).files
    return {path: content.decode() for path, content in files.items()}


def images_for(spec: ModelSpec, count: int = 7) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, *spec.input_shape), np.uint8)


def read(folder: Path, text: str, **options: object) -> Model:
    path = written(folder, text.encode(), ".ann")
    return read_with(GENANN, path, ReadOptions(**options)).model  # type: ignore[arg-type]


@NETWORKS
def test_another_program_finds_the_model_s_answers_in_the_file(name: str) -> None:
    model, images = random_model(SPECS[name]), images_for(SPECS[name])
    found = genann_program.run(files_of(model)["net.ann"], images.reshape(7, -1) / 255, *FUNCTIONS[name])
    np.testing.assert_allclose(found, Predictor(model).logits(images), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["sigmoid", "bare"])
def test_a_file_comes_back_with_the_same_bits(name: str, tmp_path: Path) -> None:
    model = random_model(SPECS[name])
    text = files_of(model)["net.ann"]
    back = read(tmp_path, text, activations=FUNCTIONS[name], classes=model.classes)
    assert back.spec == model.spec
    assert back.params.tobytes() == model.params.tobytes()
    assert files_of(back)["net.ann"] == text


def test_numbers_are_printed_as_genann_prints_them() -> None:
    words = files_of(random_model(DENSE))["net.ann"].split(" ")
    assert words[:4] == ["16", "2", "3", "2"]
    assert all(re.fullmatch(r"-?\d\.\d{20}e[+-]\d\d", word) for word in words[4:])
    assert len(words) == 4 + 17 * 3 + 4 * 3 + 4 * 2


def test_negative_zero_and_the_smallest_numbers_keep_their_bits(tmp_path: Path) -> None:
    params = np.array([0.0, -0.0, 1e-45, -3.4e38, 3.4e38, 1 / 3, 1e-40, 2, 0.0, -0.0], np.float32)
    spec = ModelSpec((Flatten(), Dense(2)), (1, 4, 1))
    model = Model(spec, params, ("a", "b"))
    back = read(tmp_path, files_of(model)["net.ann"], network=spec, classes=model.classes)
    assert back.params.tobytes() == params.tobytes()


def test_a_network_that_genann_trained_classifies_digits(data_dir: Path) -> None:
    path = data_dir / "formats" / "genann-784-19-19-10.ann"
    data = Catalogue([data_dir]).load("mnist", "test")
    images, labels = data.images[:1000], data.labels[:1000]
    model = read_with(GENANN, path, ReadOptions()).model
    ours = Predictor(model, 100).logits(images)
    theirs = genann_program.run(path.read_text(), images.reshape(-1, 784) / 255)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert np.mean(ours.argmax(axis=1) == labels) > 0.92


def test_the_exclusive_or_that_genann_learned(data_dir: Path) -> None:
    found = read_with(GENANN, data_dir / "formats" / "genann-xor.ann", ReadOptions())
    corners = np.array([[0, 0], [0, 255], [255, 0], [255, 255]], np.uint8).reshape(4, 1, 2, 1)
    assert (Predictor(found.model).logits(corners)[:, 0] > 0.5).tolist() == [False, True, True, False]
    assert any("no square image" in remark for remark in found.remarks)


XOR = "2 1 2 1  0.5 1 1  1.5 1 1  0.5 1 -1"  # or, and; or without and


def test_a_threshold_is_exactly_one_or_zero(tmp_path: Path) -> None:
    corners = np.array([[0, 0], [0, 255], [255, 0], [255, 255]], np.uint8).reshape(4, 1, 2, 1)
    model = read(tmp_path, XOR, activations=("threshold",))
    assert Predictor(model).logits(corners)[:, 0].tolist() == [0, 1, 1, 0]


def test_a_threshold_is_zero_where_the_sum_is(tmp_path: Path) -> None:
    corners = np.array([[0, 0], [255, 0]], np.uint8).reshape(2, 1, 2, 1)
    model = read(tmp_path, "2 0 0 2  0 0 0  1 1 0", activations=("threshold",))
    assert Predictor(model).logits(corners).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("names", [("linear",), ("relu", "linear"), ("tanh", "sigmoid")])
def test_functions_that_the_user_names(names: tuple[str, ...], tmp_path: Path) -> None:
    text, images = files_of(random_model(DENSE))["net.ann"], images_for(DENSE)
    ours = Predictor(read(tmp_path, text, activations=names)).logits(images)
    theirs = genann_program.run(text, images.reshape(7, -1) / 255, names[0], names[-1])
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_what_the_file_does_not_say_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, files_of(random_model(DENSE))["net.ann"].encode(), ".ann")
    remarks = " ".join(read_with(GENANN, path, ReadOptions()).remarks)
    assert "taken as sigmoids (--activation)" in remarks
    assert "called 0 to 1 (--classes)" in remarks
    cached = read_with(GENANN, path, ReadOptions(classes=("a", "b"), activations=("sigmoid-cached",)))
    assert [remark for remark in cached.remarks if "0.001" in remark] == list(cached.remarks)


def test_the_network_that_the_user_names_gives_shape_and_functions(tmp_path: Path) -> None:
    model = random_model(ModelSpec((Flatten(), Dense(5, "relu"), Dense(5, "relu"), Dense(3)), (3, 4, 2)))
    back = read(tmp_path, files_of(model)["net.ann"], network=model.spec, classes=model.classes)
    assert (back.spec, back.params.tobytes()) == (model.spec, model.params.tobytes())


def refusal(spec: ModelSpec) -> str:
    with pytest.raises(ExportError) as caught:
        files_of(random_model(spec))
    return str(caught.value)


def test_the_loss_report_names_every_layer_and_what_to_do() -> None:
    spec = ModelSpec(
        (Conv2D(2, 3), MaxPool2D(2), Flatten(), Dense(4, "relu"), Dense(5, "tanh"), Dense(2, "softmax")),
        (6, 6, 1),
    )
    assert refusal(spec) == (
        "Genann cannot express this network: "
        "layer 1, Convolution, is not part of a dense network (replace it by Flatten and Dense); "
        "layer 2, Max pool, is not part of a dense network (replace it by Flatten and Dense); "
        "layer 6, Dense, computes softmax (choose one of sigmoid, linear, tanh, relu, leaky_relu, relu6); "
        "layer 5, Dense, has 5 units, but the first hidden layer 4 (make hidden layers equally wide); "
        "layer 5, Dense, computes tanh, but the first hidden layer relu (give hidden layers one function)."
    )


def test_a_linear_activation_changes_nothing(tmp_path: Path) -> None:
    layers = (Flatten(), Dense(4, "sigmoid"), Activation("linear"), Dense(2, "sigmoid"))
    model = random_model(ModelSpec(layers, (3, 3, 1)))
    back = read(tmp_path, files_of(model)["net.ann"])
    assert back.params.tobytes() == model.params.tobytes()


def test_functions_are_named_once(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="has its activation functions; leave --activation out"):
        read(tmp_path, XOR, network=DENSE, activations=("relu",))


def test_batch_norm_that_cannot_be_folded_is_refused() -> None:
    late = ModelSpec((Flatten(), Dense(4, "relu"), BatchNorm(), Dense(2)), (3, 3, 1))
    assert "layer 3, Batch norm, is not part of a dense network" in refusal(late)


def test_two_functions_after_one_sum_are_refused() -> None:
    twice = ModelSpec((Flatten(), Dense(4, "relu"), Activation("tanh"), Dense(2)), (3, 3, 1))
    assert "layer 3, Activation, does not follow a linear dense layer" in refusal(twice)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 1 2 1 1 2", "the weights must be 6 numbers"),
        ("2 0 0 1 1 2 nan", "'nan' is no number that fits 32 bits"),
        ("2 0 0 1 1 2 1e39", "'1e39' is no number that fits 32 bits"),
        ("2 0 0 1 1 2 3 4", "goes on after the network's last number"),
        ("2 0 0 0 1", "2 inputs and 0 outputs, which no network has"),
        ("999999999 99 9 1 1", "which no network has"),
        ("1000000 1 999999999 1 1", "more than the file has"),
        ("9 99 9 1 1", "99 hidden layers; 98 are supported"),
        ("1 0 0 5000 " + "1 " * 10000, "Units must be at most 4096"),
    ],
)
def test_faults_are_told_in_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=re.escape(words)):
        read(tmp_path, text)


def test_a_function_that_genann_lacks_is_refused_and_others_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match="no activation function 'softmax'; choose one of sigmoid, sigmoid-cached"
    ):
        read(tmp_path, XOR, activations=("softmax",))


def program_output(folder: Path, model: Model, image: np.ndarray) -> np.ndarray:
    """Compile the exported program with the ``genann.c`` in `folder` and run it on `image`."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler is needed: cc")
    for path, content in files_of(model).items():
        (folder / path).write_text(content)
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "net_genann.c", "genann.c", "-lm", "-o", "net"]
    subprocess.run([compiler, *flags], cwd=folder, check=True)
    done = subprocess.run(
        [folder / "net"], cwd=folder, input=image.tobytes(), capture_output=True, check=True
    )
    return np.array([float(line.split()[1]) for line in done.stdout.decode().splitlines()])


@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_the_exported_program_runs(name: str, tmp_path: Path) -> None:
    (tmp_path / "genann.h").write_text(genann_program.HEADER)
    (tmp_path / "genann.c").write_text(genann_program.LIBRARY)
    model, images = random_model(SPECS[name]), images_for(SPECS[name], 1)
    found = program_output(tmp_path, model, images[0])
    np.testing.assert_allclose(found, Predictor(model).logits(images)[0], rtol=2e-5, atol=2e-6)


def test_genann_itself_reads_the_file(tmp_path: Path) -> None:
    """TINYML_GENANN names a folder with genann.c and genann.h of https://github.com/codeplea/genann."""
    source = os.environ.get("TINYML_GENANN")
    if not source:
        pytest.skip("Genann's source is needed: set TINYML_GENANN to a folder with genann.c and genann.h")
    for file in ("genann.c", "genann.h"):
        shutil.copy(Path(source, file), tmp_path)
    for name in ("sigmoid", "relu", "bare", "batch-norm"):
        model, images = random_model(SPECS[name]), images_for(SPECS[name], 1)
        found = program_output(tmp_path, model, images[0])
        np.testing.assert_allclose(found, Predictor(model).logits(images)[0], rtol=2e-5, atol=2e-6)


def test_the_command_line_there_and_back(run: Run, tmp_path: Path) -> None:
    classes = tuple("0123456789")
    model = Model.new(PRESETS["genann-2x19"].build(), classes, np.random.default_rng(0), "digits")
    model_file.save(model, tmp_path / "a.tinyml")
    code, out, _ = run("export", "a.tinyml", "--format", "genann", "--out", "made", "--name", "net")
    assert (code, "Read back, the file gives the model's answers" in out) == (0, True)
    code, out, _ = run("import", "made/net.ann", "--out", "b.tinyml", "--classes", ",".join(classes))
    assert code == 0
    assert "made/net.ann is Genann: 28×28×1 to 10 classes, 4 layers, 15,495 parameters." in out
    back = model_file.load(tmp_path / "b.tinyml")
    assert (back.spec, back.params.tobytes(), back.name) == (model.spec, model.params.tobytes(), "b")
    assert ParamLayout(back.spec).size == 15495

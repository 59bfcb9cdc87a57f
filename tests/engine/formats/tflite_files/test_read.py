"""int8 networks that come in give what TensorFlow Lite Micro gives, to the bit; also as C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import FileError
from engine.formats.reader import ReadOptions
from engine.formats.tflite_files.read import READER
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor, rounding_of
from engine.storage import model_file
from tests.engine.export.int8_programs import Case, run_cases
from tests.engine.export.programs import C99, STRICT, compiler
from tests.engine.formats.tflite_files import peers
from tests.engine.formats.tflite_files.converter import UINT8, Converter, random_network

ELSEWHERE = Path(__file__).with_name("made_elsewhere")
OPTIONS = ReadOptions()


def imported(data: bytes, folder: Path, options: ReadOptions = OPTIONS) -> Model:
    path = folder / "net.tflite"
    path.write_bytes(data)
    return READER.read(path, options).model


def images(model: Model, count: int = 20, seed: int = 1) -> np.ndarray:
    x = np.random.default_rng(seed).integers(0, 256, (count, *model.spec.input_shape)).astype(np.uint8)
    x[0], x[1] = 0, 255
    return x


def differences(data: bytes, model: Model, count: int = 20) -> np.ndarray:
    """Return by how many units int8 outputs differ from those of TensorFlow Lite Micro."""
    x = images(model, count)
    theirs = peers.micro(data, (x ^ 128).view(np.int8))
    return np.abs(IntegerPredictor(model).run(x).astype(int) - theirs.astype(int))


@pytest.mark.parametrize("name", ["hello_world_int8", "person_detect"])
def test_networks_of_tensorflow_itself_come_in_to_the_bit(name: str) -> None:
    path = ELSEWHERE / f"{name}.tflite"
    model = READER.read(path, OPTIONS).model
    assert differences(path.read_bytes(), model).max() == 0


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_come_in_to_the_bit(seed: int, tmp_path: Path) -> None:
    data = random_network(seed).file()
    model = imported(data, tmp_path)
    assert differences(data, model).max() == 0
    again = model_file.from_bytes(model_file.to_bytes(model), "again")
    assert again == model.replace(params=again.params, quantization=again.quantization)
    assert again.fingerprint == model.fingerprint
    assert np.array_equal(
        IntegerPredictor(again).run(images(model)), IntegerPredictor(model).run(images(model))
    )


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 600))
def test_many_random_networks_come_in_to_the_bit(seed: int, tmp_path: Path) -> None:
    data = random_network(seed).file()
    assert differences(data, imported(data, tmp_path)).max() == 0


def test_exported_c_gives_the_same_bits(tmp_path: Path) -> None:
    models = [imported(random_network(seed).file(), tmp_path) for seed in (4, 9)]
    models.append(READER.read(ELSEWHERE / "person_detect.tflite", OPTIONS).model)
    cases = [Case.of(model, images(model, 4)) for model in models]
    run_cases(cases, (compiler("cc"), *C99, *STRICT), tmp_path)


def test_the_float_network_answers_as_its_int8_form_up_to_a_few_steps(tmp_path: Path) -> None:
    for seed in range(6):
        model = imported(random_network(seed).file(), tmp_path)
        x = images(model)
        integer, real = IntegerPredictor(model), Predictor(model, len(x)).logits(x)
        inside = np.abs(integer.run(x).astype(int)) < 120
        off = np.abs(integer.logits(x) - real)[inside] / integer.output.scale
        assert np.median(off) < 4, seed
        assert rounding_of(model).outputs


def test_floats_come_in_and_answer_as_litert_does() -> None:
    path = ELSEWHERE / "hello_world_float.tflite"
    found = READER.read(path, OPTIONS)
    x = images(found.model)
    theirs = peers.litert(path.read_bytes(), (x / np.float32(255)).astype(np.float32))
    np.testing.assert_allclose(Predictor(found.model, 20).logits(x), theirs, rtol=1e-5, atol=1e-6)
    assert any("divided by 255" in remark for remark in found.remarks)


@pytest.mark.parametrize("kind", [None, UINT8])
def test_floats_or_bytes_outside_do_not_change_the_network(kind: int | None, tmp_path: Path) -> None:
    plain, wrapped = random_network(4), random_network(4)
    wrapped.floats_outside() if kind is None else wrapped.floats_outside(kind)
    first, second = imported(plain.file(), tmp_path), imported(wrapped.file(), tmp_path)
    assert first.fingerprint == second.fingerprint


def test_shapes_that_are_computed_for_a_reshape_are_left_out(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (4, 4, 2))
    shape = made.tensor((4,), 2)
    made.operator("SHAPE", [made.input], shape, "ShapeOptions")
    made.flatten()
    made.dense(3)
    assert differences(made.file(), imported(made.file(), tmp_path)).max() == 0


def test_a_vector_is_read_as_a_square_image(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (64,))
    made.dense(5)
    model = imported(made.file(), tmp_path)
    assert model.spec.input_shape == (8, 8, 1)
    assert differences(made.file(), model).max() == 0


def test_classes_are_those_that_the_user_names(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (64,))
    made.dense(2)
    assert imported(made.file(), tmp_path, ReadOptions(classes=("no", "yes"))).classes == ("no", "yes")
    (tmp_path / "net.tflite").write_bytes(made.file())
    assert READER.read(tmp_path / "net.tflite", OPTIONS).remarks[-1].endswith("they are numbered.")


def refused(made: Converter, folder: Path) -> str:
    with pytest.raises(FileError) as caught:
        imported(made.file(), folder)
    reason = caught.value.reason
    assert reason.endswith(".")
    assert "\n" not in reason
    return reason


def test_what_cannot_come_in_is_named(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (8, 8, 2))
    made.conv(3, 3)
    made.then("HARD_SWISH", made.shape)
    assert "operator 1 (HARD_SWISH) cannot come in" in refused(made, tmp_path)


@pytest.mark.parametrize("place", [0, 1])
def test_a_change_of_scale_is_no_border(place: int, tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (8, 8, 2))
    made.then("QUANTIZE", made.shape, (), (0.03, 5), "QuantizeOptions") if place == 0 else None
    made.conv(3, 3)
    made.mean()
    made.then("QUANTIZE", made.shape, (), (0.03, 5), "QuantizeOptions") if place == 1 else None
    assert "(QUANTIZE) cannot come in" in refused(made, tmp_path)


def test_an_activation_before_the_weights_needs_inputs_from_0_to_1(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (8, 8, 2), 2 / 255, -1)
    made.then("TANH", made.shape, (), (1 / 128, 0))
    made.conv(3, 3)
    made.mean()
    assert "no weights come first" in refused(made, tmp_path)


def test_a_branch_is_refused(tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (8, 8, 2))
    made.conv(3, 3)
    first = made.last
    made.conv(3, 3)
    made.last = first
    made.conv(2, 1)
    assert "branches cannot come in" in refused(made, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.tensors[1].quantization.scale.__setitem__(0, float("nan")), "scales of weights"),
        (lambda m: setattr(m.tensors[3].quantization, "scale", [float("inf")]), "which int8 cannot have"),
        (lambda m: setattr(m.tensors[3].quantization, "scale", [1e-9]), "a multiplier is 0.5 or larger"),
        (lambda m: setattr(m.tensors[1].quantization, "zeroPoint", [3] * 3), "symmetric"),
        (lambda m: setattr(m.tensors[1], "shape", [3, 3, 3, 1 << 30]), "too large"),
        (lambda m: setattr(m.tensors[1], "shape", [3, 3, 3, -1]), "negative"),
        (lambda m: setattr(m.tensors[1], "type", UINT8), "UINT8"),
        (lambda m: setattr(m.tensors[1], "buffer", 77), "no buffer"),
        (lambda m: setattr(m.tensors[1], "buffer", 0), "not in the file"),
        (lambda m: setattr(m.buffers[m.tensors[1].buffer], "offset", 1 << 31), "outside of the flatbuffer"),
        (lambda m: setattr(m.operators[0], "inputs", [0, 99, 2]), "no tensor 99"),
        (lambda m: setattr(m.operators[0], "opcodeIndex", 9), "no code"),
        (lambda m: setattr(m.operators[0].builtinOptions, "strideH", 2), "square kernels"),
        (lambda m: setattr(m.operators[0].builtinOptions, "dilationHFactor", 2), "square kernels"),
        (lambda m: setattr(m.operators[0].builtinOptions, "fusedActivationFunction", 4), "applies TANH"),
        (lambda m: setattr(m.operators[0], "builtinOptions", None), "has no options"),
        (lambda m: m.buffers[m.tensors[2].buffer].data.view(np.int32).fill(1 << 30), "larger than 2"),
        (lambda m: m.buffers[m.tensors[1].buffer].data.view(np.int8).fill(-128), "-127"),
    ],
)
def test_numbers_that_no_kernel_can_compute_are_refused(change: object, words: str, tmp_path: Path) -> None:
    made = Converter(np.random.default_rng(0), (8, 8, 2))
    made.conv(3, 3)
    made.mean()
    for buffer in made.buffers[1:]:
        buffer.data = buffer.data.copy()
    change(made)  # type: ignore[operator]
    assert words in refused(made, tmp_path)

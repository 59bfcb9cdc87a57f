"""The recipe of ARCHITECTURE.md for a layer, walked over every registered one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.boards.boards import BOARDS
from engine.cli import main
from engine.cost.estimate import estimate
from engine.errors import QuantizationError, TinyMLError
from engine.export import ExportOptions, export_model
from engine.export.options import VARIANTS
from engine.nn.call_chain import merged_steps
from engine.nn.kernel_calls import Call
from engine.nn.layers import LAYERS, Activation, Conv2D, Dense, Dropout, Flatten
from engine.nn.model import Model
from engine.nn.ops import Op
from engine.nn.param import FloatArray
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import LayerSpec, ModelSpec
from engine.quantize.calibrate import calibrate
from engine.quantize.network import check_int8, integer_network, untrained_quantization
from engine.shapes import Shape
from engine.storage import model_file
from tests.engine.export.int8_programs import cases_of, run_cases
from tests.engine.export.learners import Lessons, learn_in_c
from tests.engine.export.programs import C99, STRICT, compiler, random_model, run_models, vectors_of
from tests.engine.export.test_c_float32 import assert_agree
from tests.engine.export.test_training import faults
from tests.engine.helpers import CASES

KERNELS = Path(__file__).parents[2] / "engine" / "export" / "kernels"
by_kind = pytest.mark.parametrize("kind", LAYERS)
FLAT = {type(layer) for layer, shape in CASES if len(shape) == 1}
IMAGES = {type(layer) for layer, shape in CASES if len(shape) == 3}


def network(kind: str) -> ModelSpec:
    """Return a network in which the layer stands between others that learn, once on images, once flat."""
    layer = LAYERS[kind]()
    if isinstance(layer, Dropout):
        layer = Dropout(0.0)  # each side draws numbers of its own
    layers: list[LayerSpec] = [Conv2D(4, 3, activation="linear"), *([layer] if type(layer) in IMAGES else [])]
    if len(ModelSpec(tuple(layers)).inspect()[0][-1].out_shape) == 3:
        layers.append(Flatten())
    layers += [Dense(5, "tanh"), *([layer] if type(layer) in FLAT else []), Dense(3)]
    return ModelSpec(tuple(layers), (6, 5, 3))


def command() -> tuple[str, ...]:
    return (compiler("gcc"), *C99, *STRICT, "-O0")


@by_kind
def test_json(kind: str) -> None:
    spec = network(kind)
    assert any(isinstance(layer, LAYERS[kind]) for layer in spec.layers)
    assert spec_from_json(spec.to_json()) == spec


def refusal(model: Model) -> str:
    """Return the sentence that refuses `model` in int8; empty where int8 can express it."""
    try:
        check_int8(model)
    except QuantizationError as error:
        return str(error)
    return ""


def kernels(model: Model) -> Iterator[str]:
    """Yield the kernels that `model` names, in floats, in int8 and when it learns."""
    for _, call in merged_steps(model, training=False):
        yield call.code().kernel
    for _, call in merged_steps(model, training=True):
        training = call.training()
        yield from filter(None, (training.forward, training.backward))
    if not refusal(model):
        quantized = model.replace(quantization=untrained_quantization(model.spec))
        yield from (stage.call.code().kernel for stage in integer_network(quantized).stages)


@by_kind
def test_kernels_exist(kind: str) -> None:
    named = set(kernels(random_model(network(kind))))
    assert {name for name in named if not (KERNELS / f"{name}.c").is_file()} == set()


@by_kind
def test_float_code(kind: str, tmp_path: Path) -> None:
    models = [random_model(network(kind))]
    vectors = vectors_of(models, 4)
    assert_agree(models, vectors, run_models(models, vectors, command(), tmp_path))


@by_kind
@pytest.mark.parametrize("variant", VARIANTS)
def test_int8_code_or_a_sentence(kind: str, variant: str, tmp_path: Path) -> None:
    if refused := refusal(random_model(network(kind))):
        assert f"({LAYERS[kind].title}) has no int8 form" in refused
        return
    run_cases(cases_of([network(kind)], 4), command(), tmp_path, variant=variant)


@by_kind
def test_learning_on_a_device(kind: str, tmp_path: Path) -> None:
    model = random_model(network(kind))
    lessons = Lessons.random(model.spec, 3, 0.1, 1)
    (learned,) = learn_in_c([model], [lessons], command(), tmp_path)
    assert faults(model, lessons, learned) == []


@by_kind
@pytest.mark.parametrize("format_name", ["c-float32", "c-int8"])
def test_cost(kind: str, format_name: str) -> None:
    model = random_model(network(kind))
    if format_name == "c-int8" and refusal(model):
        return
    for board in BOARDS.values():
        cost = estimate(model, format_name, board)
        assert all(stage.instructions.value >= 0 for stage in cost.stages)
        assert cost.instructions.value > 0


@dataclass(frozen=True)
class Silent(LayerSpec):
    """A layer that exists in floats alone: twice the numbers, by a kernel that int8 does not have."""

    kind = "silent"
    title = "Silent"

    def out_shape(self, x: Shape) -> Shape:
        return x

    def lower(self, x: Shape) -> tuple[Op, ...]:
        return Activation("relu").lower(x)

    def c_calls(self, x: Shape, p: dict[str, FloatArray]) -> tuple[Call, ...]:
        return (SilentCall("softmax", x, x),)


@dataclass(frozen=True, eq=False)
class SilentCall(Call):
    """A call that says nothing of int8."""


SENTENCE = (
    "Layer 2 (Silent) has no int8 form; put another layer in its place, or export in floats (c-float32)."
)


@pytest.fixture
def silent() -> Model:
    spec = ModelSpec((Conv2D(2, 3), Silent(), Flatten(), Dense(10)), (28, 28, 1))
    return random_model(spec)


def test_a_layer_without_int8_is_refused_in_one_sentence(silent: Model) -> None:
    images = np.zeros((4, 28, 28), np.uint8)
    ranged = silent.replace(quantization=untrained_quantization(silent.spec))
    board = next(iter(BOARDS.values()))
    for ask in (
        lambda: calibrate(silent, images),
        lambda: export_model(ranged, "c-int8", ExportOptions()),
        lambda: estimate(silent, "c-int8", board),
        lambda: integer_network(ranged),
    ):
        with pytest.raises(TinyMLError) as caught:
            ask()
        assert str(caught.value) == SENTENCE


def test_it_is_exported_and_estimated_in_floats(silent: Model) -> None:
    assert export_model(silent, "c-float32", ExportOptions())
    assert estimate(silent, "c-float32", next(iter(BOARDS.values()))).instructions.value > 0


@pytest.mark.parametrize("asked", ["quantize", "export", "verify", "info"])
def test_the_command_line_says_so(
    asked: str,
    silent: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(LAYERS, Silent.kind, Silent)  # type: ignore[arg-type]
    path = str(tmp_path / "silent.tinyml")
    model_file.save(silent.replace(quantization=untrained_quantization(silent.spec)), path)
    arguments = {
        "quantize": [path, "--data", "starter", "--out", str(tmp_path / "q.tinyml")],
        "export": [path, "--format", "c-int8", "--out", str(tmp_path / "out")],
        "verify": [path, "--format", "c-int8"],
        "info": [path, "--board", next(iter(BOARDS)), "--format", "c-int8"],
    }[asked]
    said = main([asked, *arguments]), capsys.readouterr()
    assert said[0] == (0 if asked == "info" else 2)  # info goes on with what else is known of the network
    assert SENTENCE in said[1].out + said[1].err

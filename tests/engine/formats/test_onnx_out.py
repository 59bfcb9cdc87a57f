"""Our ONNX files in ONNX Runtime: float to 1e-5 of the largest output, int8 to one step a rounding."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError, MissingToolError, VerifyError
from engine.export import FORMATS, ExportOptions, prepare_export
from engine.export.writers import onnx_files
from engine.extras import require
from engine.formats import READERS
from engine.formats.imports import read_with
from engine.formats.onnx_files import float_nodes, int8_nodes, run_images, write_float32, write_int8
from engine.formats.onnx_files.nodes import FUNCTIONS
from engine.formats.reader import ReadOptions
from engine.int8.calls import IntegerCall, IntegerSoftmax
from engine.int8.calls.weighted import IntegerWeighted
from engine.int8.ranges import IMAGE
from engine.nn.activations import ACTIVATIONS
from engine.nn.call_chain import build_network
from engine.nn.layers import LAYERS, Activation, BatchNorm, Conv2D, Dense, Flatten, GlobalAvgPool2D
from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.quantize.network import IntegerPredictor, integer_network
from tests.engine.export.int8_programs import quantized
from tests.engine.export.programs import CAMPAIGN
from tests.engine.export.test_c_float32 import MERGING, chain
from tests.engine.export.test_c_int8 import all_subclasses
from tests.engine.formats.peers import needed
from tests.engine.helpers import CASES, network_around, share

onnx = needed("onnx")
needed("onnxruntime")

IMAGES = 200
TOLERANCE = 1e-5
ROUNDING = 4 * np.finfo(np.float32).eps  # of sums of numbers about one, where little is left of the sum
PARTS = 4
FIRST, *OTHERS = range(PARTS)
SOFTMAX_STEP = 1 / 256
PRESET_STEPS = 6  # of 256, that a whole preset with random weights may be off


def images_for(spec: ModelSpec, count: int = IMAGES) -> np.ndarray:
    images = np.random.default_rng(5).integers(0, 256, (count, *spec.input_shape), dtype=np.uint8)
    images[1], images[2] = 0, 255
    return images


def float_error(model: Model) -> float:
    """Return how far ONNX Runtime is from the engine beyond `ROUNDING`, relative to the largest output."""
    images = images_for(model.spec)
    wanted = Predictor(model, len(images)).logits(images)
    found = run_images(write_float32(model), images)
    assert found.shape == wanted.shape
    return float(max(np.abs(found - wanted).max() - ROUNDING, 0) / max(np.abs(wanted).max(), 1e-30))


def steps_off(model: Model) -> int:
    """Return by how many steps of the int8 output ONNX Runtime is off at most."""
    images, predictor = images_for(model.spec), IntegerPredictor(model)
    steps = (run_images(write_int8(model), images) - predictor.logits(images)) / predictor.output.scale
    assert np.abs(steps - np.round(steps)).max() < 0.01
    return int(np.abs(np.round(steps)).max())


def allowed_steps(model: Model) -> float:
    """Return one step for the output, and what a step becomes in the table or softmax that follows."""
    calls = [stage.call for stage in integer_network(model).stages]
    scalings = [call.requantization for call in calls if isinstance(call, IntegerWeighted)]
    grown = [np.abs(np.diff(s.table.astype(int))).max() for s in scalings if s.table is not None]
    slope = 0.25 / SOFTMAX_STEP  # of softmax, at most
    grown += [slope * call.source.scale for call in calls[1:] if isinstance(call, IntegerSoftmax)]
    return 1 + max(grown, default=0)


def networks(part: int) -> list[ModelSpec]:
    return [network_around(*CASES[number], probe=False) for number in share(part, PARTS)]


@pytest.mark.parametrize("part", [FIRST, *(pytest.param(part, marks=CAMPAIGN) for part in OTHERS)])
def test_every_layer_gives_the_engines_answers(part: int) -> None:
    specs = networks(part)
    assert {type(layer) for spec in specs for layer in spec.layers} == set(LAYERS.values())
    for seed, spec in enumerate(specs):
        model = quantized(spec, seed)
        assert float_error(model) <= TOLERANCE, spec
        assert steps_off(model) <= allowed_steps(model), spec


@pytest.mark.parametrize("spec", MERGING, ids=repr)
def test_merged_layers_give_the_engines_answers(spec: ModelSpec) -> None:
    assert float_error(quantized(spec)) <= TOLERANCE


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_the_engines_answers(name: str) -> None:
    model = quantized(PRESETS[name].build(10))
    for write in (write_float32, write_int8):
        onnx.checker.check_model(write(model), full_check=True)
    assert float_error(model) <= TOLERANCE
    assert steps_off(model) <= PRESET_STEPS


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=CAMPAIGN)])
def test_random_networks_give_the_engines_answers(count: int) -> None:
    seed = int(np.random.default_rng().integers(1 << 32))
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    rng = np.random.default_rng(seed)
    errors, steps = [], Counter()
    for number in range(count):
        model = quantized(chain(rng), number)
        errors.append(float_error(model))
        steps[steps_off(model)] += 1
    print(f"float: {max(errors):.1e}; int8, networks by steps off: {sorted(steps.items())}")  # noqa: T201
    assert max(errors) <= TOLERANCE


def test_every_activation_function_has_nodes() -> None:
    assert FUNCTIONS.keys() == ACTIVATIONS.keys()


def test_int8_has_the_scales_and_integers_of_our_network() -> None:
    model = quantized(ModelSpec((Conv2D(4, 3), Flatten(), Dense(3)), (5, 4, 1)))
    file = onnx.load_from_string(write_int8(model))
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in file.graph.initializer}
    calls = [stage.call for stage in integer_network(model).stages]
    held = [(constants[n.input[1]], constants[n.input[2]]) for n in nodes_of(file, "QuantizeLinear")]
    wanted = [IMAGE, *(call.target for call in calls)]
    assert held == [(np.float32(affine.scale), np.int8(affine.zero_point)) for affine in wanted]
    for call, node in zip(calls, nodes_of(file, "Conv") + nodes_of(file, "Gemm"), strict=True):
        weight, bias = (constants[source_of(file, name).input[0]] for name in node.input[1:])
        assert (bias.dtype, bias.tolist()) == (np.dtype(np.int32), call.bias.tolist())
        assert sorted(weight.ravel()) == sorted(call.weight.ravel())


def nodes_of(file: object, operator: str) -> list:
    return [node for node in file.graph.node if node.op_type == operator]


def source_of(file: object, name: str) -> object:
    return next(node for node in file.graph.node if name in node.output)


@pytest.mark.parametrize("name", ["onnx", "onnx-int8"])
def test_a_file_says_what_it_is(name: str) -> None:
    model = quantized(PRESETS["lenet"].build(10)).replace(classes=tuple("0123456789"), name="digits")
    (content,) = prepare_export(model, name, ExportOptions("digits")).files.values()
    file = onnx.load_from_string(content)
    said = {p.key: p.value for p in file.metadata_props}
    assert json.loads(said["classes"]) == list("0123456789")
    assert said["model_hash"] == model.fingerprint
    assert "divided by 255" in said["preprocessing"]
    assert file.opset_import[0].version >= 17
    ends = [file.graph.input[0], file.graph.output[0]]
    shapes = [[d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim] for end in ends]
    assert [end.name for end in ends] == ["image", "outputs"]
    assert shapes == [["batch", 1, 28, 28], ["batch", 10]]
    assert all(node.name.split("/")[0] for node in file.graph.node)


@pytest.mark.parametrize("form", ["onnx", "onnx-int8"])
def test_an_export_is_tried_out_in_onnx_runtime(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantized(PRESETS["lenet"].build(10))
    prepared = prepare_export(model, form, ExportOptions("net"))
    proof = FORMATS[form].prove(model, prepared)
    assert proof.passed
    assert "ONNX Runtime gives the engine's answers on 10 images" in proof.sentence
    other = quantized(PRESETS["lenet"].build(10), 1)
    with pytest.raises(VerifyError, match="ONNX Runtime gives other answers"):
        FORMATS[form].prove(other, prepared)
    monkeypatch.setattr(
        onnx_files, "run_images", lambda *a: require("no_such_package", "export", "ONNX files")
    )
    proof = FORMATS[form].prove(model, prepared)
    assert not proof.passed
    assert "need the package no_such_package; run" in proof.words


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingToolError, match=r"need the package onnx; .*tinyml-studio\[export\]"):
        write_float32(quantized(PRESETS["mlp-32-32"].build(10)))


def test_a_layer_without_nodes_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    model = quantized(ModelSpec((Flatten(), BatchNorm(), Activation("softmax")), (2, 2, 1)))
    for table, write in ((float_nodes.FLOAT_NODES, write_float32), (int8_nodes.INT8_NODES, write_int8)):
        (last,) = {type(stage.call) for stage in stages_of(model, write)[-1:]}
        monkeypatch.delitem(table, last)
        with pytest.raises(ExportError, match=r"Layer 3 \(Activation\) has no ONNX form; put another layer"):
            write(model)


def stages_of(model: Model, write: object) -> tuple:
    return (build_network if write is write_float32 else integer_network)(model).stages


def test_every_int8_call_has_nodes() -> None:
    kinds = all_subclasses(IntegerCall) - {IntegerWeighted}
    assert {cls for cls in kinds if cls.__module__.startswith("engine.")} == int8_nodes.INT8_NODES.keys()


def test_integers_of_tensorflow_lite_go_on_to_onnx(tmp_path: Path) -> None:
    layers = (Conv2D(4, 3, activation="relu6"), GlobalAvgPool2D(), Dense(3), Activation("softmax"))
    (content,) = prepare_export(
        quantized(ModelSpec(layers, (8, 7, 1))), "tflite-int8", ExportOptions("net", test_vectors=0)
    ).files.values()
    (tmp_path / "net.tflite").write_bytes(content)
    model = read_with(READERS["tflite"], tmp_path / "net.tflite", ReadOptions()).model
    assert steps_off(model) <= allowed_steps(model)

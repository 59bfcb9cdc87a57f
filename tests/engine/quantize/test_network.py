"""The int8 network of every layer and preset answers as the float engine does, up to a few steps."""

from __future__ import annotations

import numpy as np
import pytest

import engine.quantize.calibrate
import engine.quantize.network
from engine.errors import QuantizationError, SpecError
from engine.int8.arithmetic import Affine
from engine.int8.calls import IntegerConv2D, IntegerSoftmax
from engine.int8.ranges import IMAGE, LayerRanges, Quantization, Range
from engine.int8.sums import LARGEST_MULTIPLIER
from engine.nn.call_chain import build_network
from engine.nn.fake_int8 import parameter_copy
from engine.nn.layers import Activation, AvgPool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.predictor import Predictor
from engine.nn.presets import PRESETS
from engine.nn.specs import LayerSpec, ModelSpec
from engine.nn.workspace import Mode, Workspace, load_images
from engine.quantize.calibrate import METHODS, calibrate
from engine.quantize.network import IntegerPredictor, integer_network, rounding_of, untrained_quantization
from engine.shapes import Shape
from tests.engine.helpers import CASES, case_id, network_around

by_case = pytest.mark.parametrize(("layer", "shape"), CASES, ids=case_id)
by_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
IMAGES = 40
STEPS = 8.0  # of the output that a single layer may be off
DEEP_STEPS = 16.0  # that a whole network of random weights may be


def random_model(spec: ModelSpec, seed: int = 0) -> Model:
    """Return a model with parameters of all signs, statistics of batch norm included."""
    rng = np.random.default_rng(seed)
    layout = ParamLayout(spec)
    params = layout.init(rng) + 0.1 * rng.standard_normal(layout.size).astype(np.float32)
    state = params[layout.state]
    state[...] = np.abs(state) + 0.5
    return Model(spec, params, tuple(f"c{i}" for i in range(spec.classes)))


def images_for(spec: ModelSpec, count: int = IMAGES) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, *spec.input_shape)).astype(np.uint8)


def quantized(model: Model, images: np.ndarray, method: str = "min-max") -> Model:
    return model.replace(quantization=calibrate(model, images, method))


def steps_off(model: Model, images: np.ndarray) -> float:
    """Return by how many steps of its output int8 differs from float at most."""
    predictor = IntegerPredictor(model)
    difference = np.abs(predictor.logits(images) - Predictor(model, len(images)).logits(images))
    return float(difference.max() / predictor.output.scale)


@by_case
def test_every_layer_in_int8_gives_what_float_gives(layer: LayerSpec, shape: Shape) -> None:
    spec = network_around(layer, shape, probe=False)
    images = images_for(spec)
    assert steps_off(quantized(random_model(spec), images), images) <= STEPS


@by_preset
@pytest.mark.parametrize("method", METHODS)
def test_every_preset_in_int8_gives_what_float_gives(preset: object, method: str) -> None:
    spec = preset.build(10)  # type: ignore[attr-defined]
    images = images_for(spec)
    assert steps_off(quantized(random_model(spec), images, method), images) <= DEEP_STEPS


@by_case
def test_stages_fit_together_and_multipliers_are_below_a_half(layer: LayerSpec, shape: Shape) -> None:
    model = random_model(network_around(layer, shape, probe=False))
    network = integer_network(model.replace(quantization=untrained_quantization(model.spec)))
    source = IMAGE
    for stage in network.stages:
        assert stage.call.source == source
        source = stage.call.target
        requantization = getattr(stage.call, "requantization", None)
        if requantization is not None:
            assert (requantization.multiplier >= 0).all()
            assert ((requantization.shift >= 1) & (requantization.shift <= 31)).all()


@by_preset
def test_int8_has_the_stages_and_buffers_of_float(preset: object) -> None:
    model = random_model(preset.build(10))  # type: ignore[attr-defined]
    network = integer_network(model.replace(quantization=untrained_quantization(model.spec)))
    plain = build_network(model)
    assert [s.layers for s in network.stages] == [s.layers for s in plain.stages]
    assert [s.call.out_shape for s in network.stages] == [s.call.out_shape for s in plain.stages]
    assert network.sizes[0] == 28 * 28


@by_preset
def test_the_integers_follow_from_parameters_and_ranges_alone(preset: object) -> None:
    spec = preset.build(10)  # type: ignore[attr-defined]
    images = images_for(spec, 5)
    model = quantized(random_model(spec), images)
    first, second = (IntegerPredictor(m).run(images) for m in (model, model.replace(name="other")))
    np.testing.assert_array_equal(first, second)


def test_batches_do_not_change_the_answer() -> None:
    spec = ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(4)), (6, 6, 1))
    images = images_for(spec, 150)
    predictor = IntegerPredictor(quantized(random_model(spec), images))
    alone = np.concatenate([predictor.run(images[i : i + 1]) for i in range(150)])
    np.testing.assert_array_equal(predictor.run(images), alone)
    np.testing.assert_array_equal(predictor.run(images[..., 0]), alone)
    assert predictor.run(images[:0]).shape == (0, 4)


def test_large_networks_work_on_fewer_images_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(4)), (6, 6, 1))
    images = images_for(spec, 5)
    model = quantized(random_model(spec), images)
    expected = IntegerPredictor(model).run(images)
    monkeypatch.setattr(engine.quantize.network, "BATCH_NUMBERS", 1)
    np.testing.assert_array_equal(IntegerPredictor(model).run(images), expected)
    monkeypatch.setattr(engine.quantize.calibrate, "BATCH_NUMBERS", 1)
    again = calibrate(model, images, "min-max").layers
    for one, other in zip(again, model.quantization.layers, strict=True):
        assert one.output.high == pytest.approx(other.output.high, rel=1e-5)


def test_the_bytes_of_an_image_are_its_int8() -> None:
    spec = ModelSpec((Flatten(),), (1, 4, 1))
    images = np.array([[[0], [1], [128], [255]]], np.uint8)[None]
    predictor = IntegerPredictor(random_model(spec).replace(quantization=untrained_quantization(spec)))
    assert predictor.run(images).tolist() == [[-128, -127, 0, 127]]
    np.testing.assert_allclose(predictor.logits(images), [[0, 1 / 255, 128 / 255, 1]], rtol=1e-6)


def test_a_fixed_target_is_that_of_tensorflow_lite() -> None:
    for function, held in (("sigmoid", Affine(1 / 256, -128)), ("tanh", Affine(1 / 128, 0))):
        spec = ModelSpec((Flatten(), Dense(3, function)), (2, 2, 1))
        images = images_for(spec)
        assert IntegerPredictor(quantized(random_model(spec), images)).output == held


def test_a_rectifier_spends_nothing_on_numbers_below_0() -> None:
    spec = ModelSpec((Flatten(), Dense(3, "relu"), Dense(2)), (2, 2, 1))
    images = images_for(spec)
    first = integer_network(quantized(random_model(spec), images)).stages[0].call
    assert first.target.zero_point == -128
    assert first.requantization.low == -128


def test_a_layer_with_its_own_softmax_ends_where_its_sums_do() -> None:
    spec = ModelSpec((Flatten(), Dense(5, "softmax")), (3, 3, 1))
    images = images_for(spec)
    model = quantized(random_model(spec), images)
    dense, softmax = (stage.call for stage in integer_network(model).stages)
    argument = model.quantization.layers[1].argument
    assert dense.target == argument.affine
    assert isinstance(softmax, IntegerSoftmax)
    assert steps_off(model, images) <= STEPS


def test_pooling_is_fused_with_its_convolution_and_takes_the_range_behind_it() -> None:
    spec = ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(4)), (6, 6, 1))
    model = quantized(random_model(spec), images_for(spec))
    conv = integer_network(model).stages[0].call
    assert isinstance(conv, IntegerConv2D)
    assert conv.pool == 2
    assert conv.target == model.quantization.layers[1].output.affine


def test_average_pooling_keeps_how_numbers_are_held() -> None:
    spec = ModelSpec((Conv2D(3, 3), AvgPool2D(2), Flatten(), Dense(4)), (6, 6, 1))
    conv, pool, _ = (s.call for s in integer_network(quantized(random_model(spec), images_for(spec))).stages)
    assert pool.source == pool.target == conv.target


DEGENERATE = ModelSpec(
    (Conv2D(3, 3), BatchNorm(), Activation("tanh"), MaxPool2D(2), Flatten(), Dropout(), Dense(4, "softmax")),
    (6, 6, 1),
)


def test_a_network_of_zeros_works() -> None:
    model = Model(DEGENERATE, np.zeros(ParamLayout(DEGENERATE).size, np.float32), tuple("abcd"))
    images = images_for(DEGENERATE)
    assert steps_off(quantized(model, images), images) <= 1
    assert steps_off(quantized(model, np.zeros_like(images)), images) <= 1


@pytest.mark.parametrize("high", [0.0, 1e-38, 1e-6, 1e6, 1e30])
def test_any_range_gives_a_network_that_runs(high: float) -> None:
    ranges = LayerRanges(Range(-high, high), Range(-high, high))
    model = random_model(DEGENERATE).replace(quantization=Quantization((ranges,) * 7))
    images = images_for(DEGENERATE, 3)
    assert IntegerPredictor(model).run(images).shape == (3, 4)


def test_a_scale_too_fine_for_a_multiplier_below_a_half_is_raised() -> None:
    spec = ModelSpec((Flatten(), Dense(2)), (1, 2, 1))
    tiny = LayerRanges(Range(0.0, 1e-6))
    params = np.array([100, 50, -80, 10, 0, 0], np.float32)
    model = Model(spec, params, ("a", "b"), quantization=Quantization((tiny, tiny)))
    target = integer_network(model).stages[-1].call.target
    assert target.scale == pytest.approx(100 / 127 / 255 / LARGEST_MULTIPLIER)


def test_a_model_without_ranges_is_refused() -> None:
    spec = ModelSpec((Flatten(), Dense(2)), (1, 2, 1))
    with pytest.raises(QuantizationError, match="tinyml quantize"):
        integer_network(random_model(spec))


def test_images_of_another_shape_are_refused() -> None:
    spec = ModelSpec((Flatten(), Dense(2)), (1, 2, 1))
    predictor = IntegerPredictor(random_model(spec).replace(quantization=untrained_quantization(spec)))
    with pytest.raises(SpecError, match="1×2×1"):
        predictor.run(np.zeros((1, 3, 3), np.uint8))


@by_preset
def test_floats_rounded_in_the_same_places_give_the_integers(preset: object) -> None:
    spec = preset.build(10)  # type: ignore[attr-defined]
    images = images_for(spec, 16)
    model = quantized(random_model(spec), images)
    rounding = rounding_of(model)
    params = model.params.copy()
    space = Workspace(spec, params, len(images), Mode(rounding=rounding))
    parameter_copy(space.layout, rounding)(model.params, params)
    load_images(images, space.x)
    space.forward()
    predictor = IntegerPredictor(model)
    off = np.abs(space.y.T - predictor.logits(images)) / predictor.output.scale
    assert off.mean() < 1.0

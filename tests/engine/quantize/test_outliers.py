"""Numbers that dwarf the others: found and named, and as little as possible is lost by them in int8."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data import Catalogue
from engine.int8.ranges import Range
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.presets import PRESETS
from engine.quantize.calibrate import calibrate
from engine.quantize.compare_float_int8 import Int8Comparison, compare_int8
from engine.quantize.deciding_range import deciding_range
from engine.quantize.narrow_ranges import narrowed
from engine.quantize.outliers import outliers
from engine.quantize.probe import silent_layer
from engine.storage.shipped import SHIPPED, load_shipped
from engine.training.images import LabelledImages

TRAIN, TEST = (Catalogue().load("starter", part) for part in ("train", "test"))


def changed(key: str, index: int | slice, value: float, start: Model | None = None) -> Model:
    """Return the shipped digits, or another model, with some numbers changed."""
    model = start or load_shipped("digits")
    params = model.params.copy()
    (view,) = (view for view in ParamLayout(model.spec).views if view.key == key)
    view.of(params).reshape(-1)[index] = value
    return model.replace(params=params)


def compared(model: Model, method: str) -> Int8Comparison:
    quantized = model.replace(quantization=calibrate(model, TRAIN.images[:200], method))
    some = LabelledImages(TEST.images[:300], TEST.labels[:300])
    return compare_int8(quantized, LOSSES["cross_entropy"], some)


@pytest.mark.parametrize(("key", "index"), [("7.weight", 0), ("6.weight", 700), ("5.weight", 40_400)])
def test_one_large_weight_hardly_costs_accuracy(key: str, index: int) -> None:
    found = compared(changed(key, index, 1e4), "mse")
    assert found.in_float.accuracy > 0.6
    assert found.in_float.accuracy - found.in_int8.accuracy < 0.04


@pytest.mark.parametrize("name", SHIPPED)
def test_ordinary_models_have_no_outliers(name: str) -> None:
    assert outliers(load_shipped(name)) == []


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_fresh_models_have_no_outliers(preset: object) -> None:
    spec = preset.build(10)  # type: ignore[attr-defined]
    assert outliers(Model.new(spec, tuple("0123456789"), np.random.default_rng(0))) == []


def test_outliers_are_named_by_layer_and_number() -> None:
    (found,) = outliers(changed("7.weight", 85, -1e4))
    assert found.sentence.startswith("Layer 8 (Dense): weight[1, 1] is -10,000, 100,")
    (found,) = outliers(changed("0.bias", 3, 500))
    assert found.sentence.startswith("Layer 1 (Convolution): bias[3] is 500, 1,7")


def test_ranges_are_not_narrowed_for_nothing() -> None:
    """Where the other weights are lost whatever the ranges are, those of the method stay."""
    model = load_shipped("digits")
    params = model.params.copy()
    (view,) = (view for view in ParamLayout(model.spec).views if view.key == "5.weight")
    view.of(params)[:, 0] = 1e4  # of a pixel that is always dark: int8 rounds all others to 0
    spoiled = model.replace(params=params)
    plain = calibrate(spoiled, TRAIN.images[:40], "mse")
    assert narrowed(spoiled, plain, [5], TRAIN.images[:40]) == plain


def test_the_range_of_outputs_is_chosen_by_the_answers() -> None:
    outputs = np.random.default_rng(0).normal(0, 5, (400, 10)).astype(np.float32)
    outputs[::3, 4] = np.linspace(20_000, 60_000, len(outputs[::3]))
    wide = Range.around(float(outputs.min()), float(outputs.max()))
    found = deciding_range(outputs, wide)
    steps = np.clip(np.rint(outputs / found.affine.scale) + found.affine.zero_point, -128, 127)
    assert (steps.argmax(axis=1) == outputs.argmax(axis=1)).mean() > 0.98
    assert deciding_range(outputs, found) == found


def test_a_range_that_keeps_the_answers_is_kept() -> None:
    outputs = np.random.default_rng(0).normal(0, 5, (400, 10)).astype(np.float32)
    outputs[np.arange(400), np.arange(400) % 10] += 20
    chosen = Range.around(float(outputs.min()), float(outputs.max()))
    assert deciding_range(outputs, chosen) is chosen
    equal = np.zeros((20, 10), np.float32)  # no range can keep what is not there
    assert deciding_range(equal, chosen) is chosen


@pytest.mark.parametrize("key", ["0.bias", "5.bias"])
def test_a_layer_whose_units_are_all_dead_is_named(key: str) -> None:
    layer, title = int(key[0]) + 1, "Convolution" if key[0] == "0" else "Dense"
    sentence = silent_layer(changed(key, slice(None), -100), TEST.images[:40])
    assert sentence.startswith(f"All units of layer {layer} ({title}) give 0 for every image")


def test_units_that_are_saturated_give_the_same_numbers() -> None:
    model = Model.new(PRESETS["genann-2x19"].build(10), tuple("0123456789"), np.random.default_rng(0))
    assert silent_layer(model, TEST.images[:40]) == ""
    (layer,) = {view.layer for view in ParamLayout(model.spec).views if view.param.shape == (19, 784)}
    saturated = changed(f"{layer}.bias", slice(None), 100, model)
    assert "give the same numbers for every image" in silent_layer(saturated, TEST.images[:40])


def test_a_working_network_and_equal_images_say_nothing() -> None:
    assert silent_layer(load_shipped("digits"), TEST.images[:40]) == ""
    assert silent_layer(load_shipped("digits"), np.repeat(TEST.images[:1], 9, axis=0)) == ""
    assert silent_layer(load_shipped("digits"), TEST.images[:0]) == ""

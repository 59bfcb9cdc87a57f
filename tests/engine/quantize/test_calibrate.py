"""Ranges: seen at the right places of a network, and chosen as each method promises."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import QuantizationError
from engine.int8.arithmetic import Affine
from engine.int8.ranges import Range
from engine.nn.layers import Activation, BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.nn.workspace import Workspace, load_images
from engine.quantize.calibrate import METHODS, Histogram, calibrate, observe, squared_error
from engine.quantize.probe import ARGUMENT, OUTPUT, Probe
from tests.engine.quantize.test_network import images_for, random_model

SPEC = ModelSpec(
    (Conv2D(3, 3), MaxPool2D(2), BatchNorm(), Activation("tanh"), Dropout(), Flatten(), Dense(4, "sigmoid")),
    (6, 6, 1),
)


def histogram_of(values: np.ndarray, bins: int = 2000) -> Histogram:
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    return Histogram(low, high, np.histogram(values, bins, (low, high))[0])


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_probe_gives_what_a_workspace_gives(preset: object) -> None:
    spec = preset.build(10)  # type: ignore[attr-defined]
    model, images = random_model(spec), images_for(spec, 4)
    seen = {}
    Probe(spec, model.params, 4).run(images, lambda point, values: seen.update({point: values.copy()}))
    space = Workspace(spec, model.params, 4)
    load_images(images, space.x)
    space.forward()
    np.testing.assert_allclose(seen[len(spec.layers) - 1, OUTPUT], space.y, rtol=1e-4, atol=1e-5)


def test_a_probe_shows_every_output_and_what_functions_get() -> None:
    model, images = random_model(SPEC), images_for(SPEC, 2)
    seen = {}
    Probe(SPEC, model.params, 5).run(images, lambda point, values: seen.update({point: values.copy()}))
    assert {layer for layer, what in seen if what == OUTPUT} == set(range(7))
    assert {layer for layer, what in seen if what == ARGUMENT} == {0, 3, 6}
    assert all(values.shape[-1] == 2 for values in seen.values())
    assert (seen[0, ARGUMENT] < 0).any()
    np.testing.assert_array_equal(seen[0, OUTPUT], np.maximum(seen[0, ARGUMENT], 0))
    np.testing.assert_allclose(seen[3, OUTPUT], np.tanh(seen[3, ARGUMENT]), rtol=1e-5)
    np.testing.assert_array_equal(seen[3, ARGUMENT], seen[2, OUTPUT])
    np.testing.assert_array_equal(seen[4, OUTPUT], seen[3, OUTPUT])  # dropout does nothing here


def test_histograms_hold_every_number_of_every_image() -> None:
    model, images = random_model(SPEC), images_for(SPEC, 120)  # several batches, the last one cut
    found = observe(model, images)
    assert found[0, OUTPUT].counts.sum() == 120 * 6 * 6 * 3
    assert found[6, OUTPUT].counts.sum() == 120 * 4
    assert found[0, ARGUMENT].low < 0 < found[0, ARGUMENT].high
    assert found[0, OUTPUT].low == 0


@pytest.mark.parametrize("method", METHODS)
def test_ranges_surround_0_and_lie_within_what_was_seen(method: str) -> None:
    model, images = random_model(SPEC), images_for(SPEC)
    widest = calibrate(model, images, "min-max")
    found = calibrate(model, images, method, "some data")
    assert (found.method, found.images, found.data) == (method, len(images), "some data")
    for chosen, wide in zip(found.layers, widest.layers, strict=True):
        for part, whole in ((chosen.output, wide.output), (chosen.argument, wide.argument)):
            assert (part is None) == (whole is None)
            if part is not None and whole is not None:
                assert whole.low <= part.low <= 0 <= part.high <= whole.high


def test_the_same_images_give_the_same_ranges() -> None:
    model, images = random_model(SPEC), images_for(SPEC)
    assert calibrate(model, images) == calibrate(model, images[..., 0])


def test_min_max_clips_nothing() -> None:
    values = np.random.default_rng(0).standard_normal(10_000)
    assert METHODS["min-max"].choose(histogram_of(values)) == Range(values.min(), values.max())


def test_a_percentile_leaves_out_one_number_in_ten_thousand() -> None:
    rng = np.random.default_rng(0)
    two_sided = rng.uniform(-1, 1, 1_000_000)
    two_sided[:20] = 50
    two_sided[20:40] = -50
    found = METHODS["percentile"].choose(histogram_of(two_sided, 100_000))
    assert found.low == pytest.approx(-1, abs=0.01)
    assert found.high == pytest.approx(1, abs=0.01)
    rectified = np.maximum(two_sided, 0)
    found = METHODS["percentile"].choose(histogram_of(rectified, 100_000))
    assert found.low == 0
    assert found.high == pytest.approx(1, abs=0.01)


def test_least_squares_beats_the_other_methods_on_what_it_promises() -> None:
    values = np.random.default_rng(0).laplace(0, 1, 200_000)
    values = np.append(values, [30.0, -30.0])
    histogram = histogram_of(values, 4096)
    errors = {
        name: squared_error(histogram, *(getattr(method.choose(histogram), end) for end in ("low", "high")))
        for name, method in METHODS.items()
    }
    assert errors["mse"] <= min(errors.values())
    assert errors["mse"] < 0.8 * errors["min-max"]


def test_the_squared_error_is_that_of_the_numbers() -> None:
    values = np.random.default_rng(0).standard_normal(50_000)
    affine = Affine.of(-2.0, 1.5)
    exact = ((affine.dequantize(affine.quantize(values)) - values) ** 2).sum()
    assert squared_error(histogram_of(values, 50_000), -2.0, 1.5) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_that_is_always_0_has_an_empty_range(method: str) -> None:
    model = Model(SPEC, np.zeros(ParamLayout(SPEC).size, np.float32), tuple("abcd"))
    found = calibrate(model, images_for(SPEC), method)
    assert found.layers[0].output == Range(0.0, 0.0)


def test_what_cannot_be_calibrated_is_refused() -> None:
    model, images = random_model(SPEC), images_for(SPEC)
    with pytest.raises(QuantizationError, match="no images"):
        calibrate(model, images[:0])
    with pytest.raises(QuantizationError, match="methods are: min-max"):
        calibrate(model, images, "guess")
    broken = model.replace(params=np.full_like(model.params, np.nan))
    with pytest.raises(QuantizationError, match="not finite"):
        calibrate(broken, images)
    huge = model.replace(params=np.full_like(model.params, 1e20))
    with pytest.raises(QuantizationError, match=r"not finite|no range"):
        calibrate(huge, images)

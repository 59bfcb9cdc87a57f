"""Integers that another program chose: kept in files, checked before they are used, and computed exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine.errors import ProjectError, QuantizationError
from engine.int8 import fixed_point
from engine.int8.arithmetic import Affine
from engine.int8.integers import GivenSum, LayerIntegers
from engine.int8.ranges import IMAGE, LayerRanges, Quantization, Range
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.network import integer_network
from engine.storage import model_file

SPEC = ModelSpec((Flatten(), Dense(2)), (2, 2, 1))
SUMS = GivenSum((0.25, 0.5), (7, -1), (1 << 30, 3), (1, 31))
GIVEN = LayerIntegers(Affine(0.5, 3), SUMS)
WEIGHT = np.array([[1, -2, 3, -127], [0, 127, 5, 6]])


def model(integers: LayerIntegers = GIVEN, source: Affine = IMAGE) -> Model:
    ranges = LayerRanges(Range(-1.0, 1.0))
    quantization = Quantization((ranges, LayerRanges(Range(-1.0, 1.0), integers=integers)), source=source)
    params = np.concatenate([(WEIGHT * [[0.25], [0.5]]).ravel(), [1.0, 2.0]]).astype(np.float32)
    return Model(SPEC, params, ("a", "b"), quantization=quantization)


def test_the_network_has_the_integers_that_are_given() -> None:
    (stage,) = integer_network(model(source=Affine(0.1, 5))).stages
    call = stage.call
    assert call.weight.tolist() == WEIGHT.tolist()
    assert call.bias.tolist() == [7, -1]
    assert call.requantization.multiplier.tolist() == [1 << 30, 3]
    assert (call.source, call.target) == (Affine(0.1, 5), Affine(0.5, 3))


@pytest.mark.parametrize("source", [IMAGE, Affine(0.1, 5)])
def test_files_keep_them_in_a_format_of_their_own(source: Affine) -> None:
    content = model_file.to_bytes(model(source=source))
    again = model_file.from_bytes(content, "net")
    assert again.quantization == model(source=source).quantization
    assert again.fingerprint == model(source=source).fingerprint
    assert b'"version": 2' in description(content)
    assert b'"version": 1' in description(model_file.to_bytes(model().replace(quantization=None)))


def description(content: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("model.json")


def test_other_integers_are_another_model() -> None:
    other = LayerIntegers(Affine(0.5, 4), SUMS)
    assert len({model().fingerprint, model(other).fingerprint, model(source=Affine(0.1, 5)).fingerprint}) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v["sums"].update(shift=[0, 1]), "0.5 or larger"),
        (lambda v: v["sums"].update(bias=[1]), "number for each channel"),
        (lambda v: v["sums"].update(bias=[1, 1 << 30]), "larger than 2^29"),
        (lambda v: v["sums"].update(bias=[1, 1.5]), "not whole"),
        (lambda v: v["sums"].update(steps=[1.0, -1.0]), "not positive"),
        (lambda v: v["sums"].update(multiplier=[1, 1 << 31]), "Q31"),
        (lambda v: v["sums"].update(low=5, high=4), "limits"),
        (lambda v: v["sums"].update(steps=["x", 1.0]), "not finite"),
        (lambda v: v.update(sums=[]), "there must be"),
        (lambda v: v.update(table=[1, 2]), "256"),
        (lambda v: v["output"].update(scale=0.0), "out of range"),
        (lambda v: v.update(other=1), "there must be"),
    ],
)
def test_integers_that_no_kernel_can_use_are_refused(change: object, words: str) -> None:
    value = json.loads(json.dumps(GIVEN.to_json()))
    change(value)  # type: ignore[operator]
    with pytest.raises(QuantizationError, match=words.replace("^", r"\^")):
        LayerIntegers.from_json(value)


def test_integers_that_do_not_fit_the_network_are_refused() -> None:
    one = LayerIntegers(Affine(0.5, 3), GivenSum((0.25,), (7,), (1 << 30,), (1,)))
    with pytest.raises(QuantizationError, match="another one"):
        integer_network(model(one))
    fine = LayerIntegers(Affine(0.5, 3), GivenSum((1e-3, 1e-3), (7, 7), (1 << 30, 1), (1, 1)))
    with pytest.raises(QuantizationError, match="-127"):
        integer_network(model(fine))


def test_a_file_with_bad_integers_is_refused_in_one_sentence() -> None:
    content = model_file.to_bytes(model())
    bad = description(content).replace(b'"high": 127', b'"high": 999')
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            target.writestr(name, bad if name == "model.json" else source.read(name))
    with pytest.raises(ProjectError, match="limits"):
        model_file.from_bytes(packed.getvalue(), "net")


def test_fixed_point_functions_are_those_of_real_numbers() -> None:
    x = np.arange(-(1 << 30), 1, 999_983)
    real = x / 2.0**26
    assert np.abs(fixed_point.exp_of_negative(x, 5) / 2.0**31 - np.exp(real)).max() < 1e-6
    x = np.arange(-(1 << 30), 1 << 30, 999_983)
    real = x / 2.0**27
    assert np.abs(fixed_point.logistic(x, 4) / 2.0**31 - 1 / (1 + np.exp(-real))).max() < 1e-6
    assert np.abs(fixed_point.tanh(x, 4) / 2.0**31 - np.tanh(real)).max() < 1e-6
    total = np.arange(1 << 19, (1 << 31) - 1, 999_983)
    r, bits = fixed_point.reciprocal(total, 12)
    np.testing.assert_allclose(r * 2.0**-31 * 2.0 ** -bits.astype(float), 2.0**19 / total, rtol=1e-6)

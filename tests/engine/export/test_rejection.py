"""Exported C refuses exactly what the engine refuses, in floats and in int8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import VerifyError
from engine.export import FORMATS, ExportOptions
from engine.export.vectors import make_vectors
from engine.int8.certainty import REJECTED, Certainty
from engine.nn.layers import Conv2D, Dense, Flatten, MaxPool2D
from engine.nn.model import Model
from engine.nn.specs import ModelSpec
from engine.quantize.judge import Judge
from engine.verify.reference import reference_for
from tests.engine.export.int8_programs import quantized
from tests.engine.helpers import blobs

PLAIN = quantized(ModelSpec((Conv2D(3, 3), MaxPool2D(2), Flatten(), Dense(4), Dense(3)), (6, 5, 1)))
COUNT = 60
FORMATS_OF_C = ("c-float32", "c-int8")


def calibrated() -> Model:
    """Return a model that refuses about half of the test vectors, and some of each class."""
    outputs = make_vectors(PLAIN, COUNT).outputs
    best, won = outputs.argmax(axis=1), outputs.max(axis=1)
    return PLAIN.replace(certainty=Certainty(tuple(_middle(won[best == i]) for i in range(3))))


def _middle(numbers: np.ndarray) -> float:
    """Return a number between two of `numbers` in their middle: none of them is at the limit."""
    ordered = np.sort(numbers)
    half = len(ordered) // 2
    return float(ordered[half - 1 : half + 1].mean()) if half else 0.0


MODEL = calibrated()
OPTIONS = ExportOptions("net", test_vectors=COUNT)


@pytest.mark.parametrize("name", FORMATS_OF_C)
def test_c_gives_the_verdicts_of_the_engine(name: str) -> None:
    verdicts = Judge(MODEL, int8=name == "c-int8")(make_vectors(MODEL, COUNT).images).verdicts
    assert 10 < np.count_nonzero(verdicts == REJECTED) < COUNT - 10
    files = FORMATS[name].prepare(MODEL, OPTIONS)
    assert "#define NET_REJECTED (-1)" in files.files["net.h"].decode()
    assert FORMATS[name].prove(MODEL, files).passed


@pytest.mark.parametrize("name", FORMATS_OF_C)
def test_a_header_that_refuses_otherwise_is_found_out(name: str) -> None:
    prepared = FORMATS[name].prepare(MODEL, OPTIONS)
    text = prepared.files["net.h"].decode()
    wrong = text.replace("? best : NET_REJECTED", "? NET_REJECTED : best")
    assert wrong != text
    with pytest.raises(VerifyError, match="differs from the engine"):
        FORMATS[name].proof(MODEL, {**prepared.files, "net.h": wrong.encode()}, OPTIONS, None)  # type: ignore[misc]


@pytest.mark.parametrize("name", FORMATS_OF_C)
def test_verification_expects_the_verdicts(name: str) -> None:
    reference = reference_for(name, MODEL, make_vectors(MODEL, COUNT))
    verdicts = reference.verdicts.astype(np.int32)
    assert not reference.wrong_class(verdicts).any()
    never = reference.outputs.argmax(axis=1).astype(np.int32)
    assert np.array_equal(reference.wrong_class(never), verdicts == REJECTED)
    assert reference.wrong_class(np.full(COUNT, REJECTED, np.int32)).sum() == np.sum(verdicts != REJECTED)


def test_a_float_verdict_at_the_limit_may_go_either_way() -> None:
    vectors = make_vectors(PLAIN, 1)
    won = float(vectors.outputs.max())
    for least in (won, np.nextafter(np.float32(won), np.float32(np.inf))):
        model = PLAIN.replace(certainty=Certainty((float(least),) * 3))
        reference = reference_for("c-float32", model, vectors)
        for verdict in (REJECTED, int(vectors.outputs.argmax())):
            assert not reference.wrong_class(np.array([verdict], np.int32)).any()


@pytest.mark.parametrize("name", FORMATS_OF_C)
def test_a_model_that_is_not_calibrated_refuses_nothing(name: str) -> None:
    text = FORMATS[name].prepare(PLAIN, replace(OPTIONS, test_vectors=0)).files["net.h"].decode()
    assert "define NET_REJECTED" not in text
    assert "net_least_outputs[3]" not in text


def test_some_vectors_are_noise_where_a_model_refuses() -> None:
    data = blobs(40, side=8)
    spec = ModelSpec((Flatten(), Dense(3)), (8, 8, 1))
    plain = Model.new(spec, data.classes, np.random.default_rng(0))
    sure = plain.replace(certainty=Certainty((0.0,) * 3))
    with_noise, without = make_vectors(sure, 16, data), make_vectors(plain, 16, data)
    assert len(with_noise) == 16
    assert np.array_equal(with_noise.images[:14], without.images[:14])
    assert not np.array_equal(with_noise.images[14:], without.images[14:])
    assert "the last 2 random" in with_noise.origin


def test_usage_says_what_a_refusal_is() -> None:
    usage = FORMATS["c-int8"].usage
    assert usage is not None
    assert "NET_REJECTED" in usage(MODEL, OPTIONS)
    assert "NET_REJECTED" not in usage(PLAIN, OPTIONS)

"""Files of an earlier program open with the same content, give the same answers and keep their bytes.

The programs of another machine may add in another order, so what is computed in float is compared to a
tolerance, and what is stored or computed in integers to the bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.nn.model import Model
from engine.nn.predictor import Predictor
from engine.quantize.network import IntegerPredictor
from engine.storage import model_file
from engine.training.events import Finished
from engine.training.trainer import Trainer
from tests.engine.helpers import blobs

FOLDER = Path(__file__).with_name("earlier")
ANSWERS: dict[str, dict[str, Any]] = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
IMAGES = np.random.default_rng(5).integers(0, 256, (20, 9, 9, 1), np.uint8)


@pytest.fixture(params=ANSWERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def content(name: str) -> bytes:
    return (FOLDER / f"{name}.tinyml").read_bytes()


@pytest.fixture
def model(name: str, content: bytes) -> Model:
    return model_file.from_bytes(content, name)


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def probabilities(model: Model) -> np.ndarray:
    return Predictor(model, len(IMAGES)).probabilities(IMAGES)


def test_the_content_is_the_same(name: str, model: Model) -> None:
    answer = ANSWERS[name]
    assert digest(model.params.astype("<f4")) == answer["parameters"]
    assert model.fingerprint == answer["fingerprint"]
    assert model.name == answer["name"]
    assert list(model.classes) == answer["classes"]
    assert len(model.record.history or ()) == answer["epochs"]


def test_the_answers_are_the_same(name: str, model: Model) -> None:
    answer = ANSWERS[name]
    np.testing.assert_allclose(probabilities(model), answer["probabilities"], atol=1e-6)
    assert (model.quantization is not None) is ("int8" in answer)
    if model.quantization is not None:
        assert digest(IntegerPredictor(model).run(IMAGES)) == answer["int8"]


def entries(content: bytes) -> list[tuple[str, bytes]]:
    """Return what is packed in a file: another zlib packs the same in other bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def test_saving_again_gives_the_same_bytes(content: bytes, name: str) -> None:
    model, run = model_file.load_run(FOLDER / f"{name}.tinyml")
    assert entries(model_file.to_bytes(model, run)) == entries(content)


def test_an_interrupted_run_goes_on_to_the_same_end() -> None:
    model, run = model_file.load_run(FOLDER / "interrupted.tinyml")
    assert run is not None
    *_, last = Trainer.resumed(model, blobs(120, 3, 9), run).run()
    assert isinstance(last, Finished)
    np.testing.assert_allclose(probabilities(last.model), ANSWERS["interrupted"]["resumed"], atol=1e-4)

"""``tinyml calibrate`` stores when a model is sure; predict, evaluate and verify follow it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.int8.certainty import Certainty
from engine.storage import model_file
from engine.storage.shipped import load_shipped
from tests.engine.conftest import Run


@pytest.fixture
def calibrated(run: Run, tmp_path: Path) -> Path:
    out = tmp_path / "sure.tinyml"
    code, _, err = run("calibrate", "digits", "--data", "starter", "--out", out)
    assert code == 0, err
    return out


def test_a_calibration_is_measured_and_saved(run: Run, tmp_path: Path) -> None:
    code, out, err = run("calibrate", "digits", "--data", "starter", "--out", "sure.tinyml", "--json")
    assert code == 0, err
    told = json.loads(out)
    saved = model_file.load(tmp_path / "sure.tinyml")
    assert saved.certainty == Certainty.from_json(told["certainty"])
    assert told["fingerprint"] == saved.fingerprint
    assert np.array_equal(saved.params, load_shipped("digits").params)
    assert saved.certainty.accepted >= 0.95
    assert 0.8 < told["test"]["accepted"] <= 1
    assert told["test"]["accuracy_of_accepted"] > 0.9
    assert len(told["test"]["coverage"]) == 11


def test_scribbles_and_noise_are_refused(run: Run, calibrated: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    for more in ((), ("--int8",)):
        code, out, _ = run("predict", calibrated, "noise.png", "--json", *more)
        assert code == 0
        (result,) = json.loads(out)["results"]
        assert result["rejected"] is True
        assert result["top"]
    assert "not sure" in run("predict", calibrated, "noise.png")[1]


def test_evaluation_tells_how_often_it_is_sure(run: Run, calibrated: Path) -> None:
    for more in ((), ("--int8",)):
        told = json.loads(run("evaluate", calibrated, "--data", "starter", "--json", *more)[1])
        assert 0.8 < told["certainty"]["accepted"] <= 1
        assert told["certainty"]["accuracy"] >= told["accuracy"]
    assert "sure of " in run("evaluate", calibrated, "--data", "starter")[1]


def test_a_model_whose_outputs_are_no_numbers_cannot_be_calibrated(run: Run, tmp_path: Path) -> None:
    model = load_shipped("digits")
    params = np.full_like(model.params, np.float32(1e38))
    model_file.save(model.replace(params=params), tmp_path / "wild.tinyml")
    with np.errstate(over="ignore", invalid="ignore"):
        code, _, err = run("calibrate", "wild.tinyml", "--data", "starter", "--out", "x.tinyml")
    assert code == 2
    assert "train the network again" in err
    assert not (tmp_path / "x.tinyml").exists()


@pytest.mark.parametrize("share", ["2", "0.1", "much"])
def test_a_share_that_cannot_be_is_refused(run: Run, share: str) -> None:
    code, _, err = run("calibrate", "digits", "--data", "starter", "--out", "x.tinyml", "--accept", share)
    assert code == 2
    assert "--accept" in err


def test_data_of_other_classes_is_refused(run: Run) -> None:
    code, _, err = run("calibrate", "characters", "--data", "starter", "--out", "x.tinyml")
    assert code == 2
    assert "does not fit the data" in err

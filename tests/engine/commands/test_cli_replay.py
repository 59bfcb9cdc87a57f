"""``tinyml replay``: the record in a file is enough to get its bits again, and a wrong one is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.storage import model_file

Run = Callable[..., tuple[int, str, str]]
TRAIN = (
    "train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "2", "--threads", "2", "--seed", "3",
    "--shift", "1", "--optimizer", "adam", "--averaging", "0.9",
)  # fmt: skip


@pytest.fixture
def trained(run: Run) -> str:
    assert run(*TRAIN, "--out", "a.tinyml")[0] == 0
    return "a.tinyml"


def rewritten(path: str, **changes: Any) -> None:
    model = model_file.load(path)
    model_file.save(model.replace(record=replace(model.record, **changes)), path)


def test_the_bits_are_the_same(run: Run, trained: str) -> None:
    code, out, _ = run("replay", trained, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["same"]
    assert found["fingerprint"] == model_file.load(trained).fingerprint
    assert "all 26,506 parameters" in run("replay", trained)[1]


def test_a_run_that_went_on_from_a_model_needs_it(run: Run, trained: str) -> None:
    run(
        "train",
        "--data",
        "starter",
        "--model",
        trained,
        "--epochs",
        "1",
        "--threads",
        "1",
        "--out",
        "b.tinyml",
    )
    fingerprint = model_file.load(trained).fingerprint
    code, _, err = run("replay", "b.tinyml")
    assert (code, fingerprint in err, "--start" in err) == (2, True, True)
    assert run("replay", "b.tinyml", "--start", "b.tinyml")[0] == 2
    assert run("replay", "b.tinyml", "--start", trained)[0] == 0


def test_parameters_that_were_changed_are_found_out(run: Run, trained: str) -> None:
    model = model_file.load(trained)
    params = model.params.copy()
    params[5] = np.nextafter(params[5], np.float32(9))
    model_file.save(model.replace(params=params), trained)
    code, out, _ = run("replay", trained, "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["same"], found["different"]) == (False, 1)
    assert "Not the same: 1 of 26,506" in run("replay", trained)[1]


def test_other_kernels_are_named(run: Run, trained: str) -> None:
    terms = model_file.load(trained).record.terms or {}
    rewritten(trained, terms={**terms, "kernels": "another processor"})
    assert "trained with another processor" in run("replay", trained)[1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"terms": None}, "SHA-256"),
        ({"terms": {"images": 3}}, "cannot be used"),
        ({"terms": {"images": "0", "labels": "0", "kernels": ""}}, "images and labels of starter"),
        ({"config": {"epochs": -1}}, "cannot be used"),
        ({"config": None}, "cannot be used"),
        ({"threads": None}, "threads"),
        ({"threads": 1_000_000}, "threads"),
        ({"reason": "stopped"}, "--resume"),
        ({"data": "/nowhere/at/all"}, "/nowhere/at/all"),
    ],
)
def test_a_record_that_is_not_enough_is_one_sentence(
    changes: dict[str, Any], sentence: str, run: Run, trained: str
) -> None:
    rewritten(trained, **changes)
    code, _, err = run("replay", trained)
    assert code == 2
    assert err.count("\n") == 1
    assert sentence in err


def test_an_untrained_model_and_a_start_too_many_are_refused(run: Run, trained: str, saved: Path) -> None:
    assert run("replay", saved)[0] == 2
    code, _, err = run("replay", trained, "--start", trained)
    assert code == 2
    assert "random parameters" in err

"""``tinyml evaluate``, ``predict`` and ``info``: the engine's figures, whatever a file says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engine.commands.evaluate
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.spec_json import spec_from_json
from engine.record import Metrics, TrainingRecord
from engine.storage import model_file

DIGITS = tuple("0123456789")
Run = Callable[..., tuple[int, str, str]]


def test_prediction_is_what_the_engine_says(run: Run, saved: Path, drawing: Path, tmp_path: Path) -> None:
    Image.new("L", (50, 50), 255).save(tmp_path / "empty.png")
    code, out, _ = run("predict", saved, drawing, "empty.png", "--top", 2, "--json")
    assert code == 0
    first, second = json.loads(out)["results"]
    assert len(first["top"]) == 2
    assert first["top"][0]["probability"] >= first["top"][1]["probability"] > 0
    assert second == {"image": "empty.png", "top": [], "rejected": False}
    code, out, _ = run("predict", saved, "empty.png")
    assert out == "empty.png: nothing drawn\n"


def test_one_bad_image_of_several_costs_only_its_own_answer(
    run: Run, saved: Path, drawing: Path, tmp_path: Path
) -> None:
    Image.open(drawing).resize((37, 61)).save(tmp_path / "other size.png")
    (tmp_path / "note.png").write_text("no image", encoding="utf-8")
    words = ("predict", saved, drawing, "gone.png", "note.png", "other size.png")
    code, out, err = run(*words)
    assert code == 2
    assert [line.split(":")[0] for line in out.splitlines()] == [str(drawing), "other size.png"]
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["tinyml", "gone.png"],
        ["tinyml", "note.png"],
    ]
    code, out, _ = run(*words, "--json")
    assert code == 2
    results = json.loads(out)["results"]
    assert [result["image"] for result in results] == [str(word) for word in words[2:]]
    assert ["error" in result for result in results] == [False, True, True, False]
    assert ["top" in result for result in results] == [True, False, False, True]


def test_evaluation_adds_up(run: Run, saved: Path) -> None:
    _, out, _ = run("evaluate", saved, "--data", "starter", "--json")
    report = json.loads(out)
    confusion = np.array(report["confusion"])
    assert confusion.sum() == report["images"] == 1000
    assert report["accuracy"] == pytest.approx(np.trace(confusion) / 1000)
    recalls = [entry["recall"] for entry in report["classes"]]
    assert recalls == pytest.approx(list(np.diagonal(confusion) / confusion.sum(axis=1)))
    _, out, _ = run("evaluate", saved, "--data", "starter")
    assert "Confusion" in out


def test_many_classes_list_the_worst_confusions(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.commands.evaluate, "WIDEST_MATRIX", 5)
    model_file.save(
        Model.new(PRESETS["mlp-32-32"].build(), DIGITS, np.random.default_rng(0)), tmp_path / "a.tinyml"
    )
    code, out, _ = run("evaluate", "a.tinyml", "--data", "starter")
    assert code == 0
    counts = [int(line.split()[-1]) for line in out.split("taken for")[1].splitlines()[1:]]
    assert counts == sorted(counts, reverse=True)
    assert all(counts)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_described(run: Run, preset: str) -> None:
    spec = PRESETS[preset].build()
    code, out, _ = run("info", preset)
    assert code == 0
    assert f"{spec.parameters:,}" in out
    code, out, _ = run("info", preset, "--json")
    report = json.loads(out)
    assert report["macs"] == spec.macs == sum(layer["macs"] for layer in report["layers"])
    assert spec_from_json(report["spec"]) == spec


@pytest.mark.parametrize("metrics", [3, [], {}, {"accuracy": "high"}, {"accuracy": 0.5}, {"data": {}}])
def test_records_may_hold_anything(run: Run, tmp_path: Path, metrics: object) -> None:
    record = {"metrics": metrics, "command": ["\x1b[2J"], "config": [], "history": 4}
    model = Model.new(PRESETS["mlp-32-32"].build(), (*DIGITS[:-1], "\x1b]0;x\x07"), np.random.default_rng(0))
    model_file.save(model.replace(record=TrainingRecord.from_json(record)), tmp_path / "odd.tinyml")
    code, out, err = run("info", "odd.tinyml")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert run("info", "odd.tinyml", "--json")[0] == 0
    assert run("export", "odd.tinyml", "--out", "made", "--no-check")[0] == 0


def test_info_tells_no_more_of_an_accuracy_than_the_record(run: Run, tmp_path: Path) -> None:
    record = TrainingRecord(metrics=Metrics(accuracy=0.5))
    model = Model.new(PRESETS["mlp-32-32"].build(), DIGITS, np.random.default_rng(0)).replace(record=record)
    model_file.save(model, tmp_path / "a.tinyml")
    assert "test accuracy: 50.00 %\n" in run("info", "a.tinyml")[1]


def test_shipped_models_are_known_by_name(run: Run, drawing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.new(PRESETS["mlp-32-32"].build(), DIGITS, np.random.default_rng(0), "digits")
    content = model_file.to_bytes(model)
    monkeypatch.setattr("resources.exists", lambda name: name == "models/mine.tinyml")
    monkeypatch.setattr("resources.read_bytes", lambda name: content)
    code, out, _ = run("info", "mine", "--json")
    assert (code, json.loads(out)["fingerprint"]) == (0, model.fingerprint)
    assert run("predict", "mine", drawing)[0] == 0
    assert run("predict", "../mine", drawing)[0] == 2


def test_a_network_for_other_images_cannot_read_pictures(run: Run, drawing: Path, tmp_path: Path) -> None:
    spec = PRESETS["mlp-32-32"].build(10, (8, 8, 1))
    model_file.save(Model.new(spec, DIGITS, np.random.default_rng(0)), tmp_path / "small.tinyml")
    code, _, err = run("predict", "small.tinyml", drawing)
    assert code == 2
    assert "small.tinyml: the network reads images of 8×8×1" in err


def test_an_output_that_is_no_number_is_said(run: Run, drawing: Path, tmp_path: Path) -> None:
    model = Model.new(PRESETS["mlp-32-32"].build(), DIGITS, np.random.default_rng(0))
    model_file.save(model.replace(params=model.params * np.float32(1e38)), tmp_path / "huge.tinyml")
    with np.errstate(all="ignore"):
        code, _, err = run("predict", "huge.tinyml", drawing)
    assert code == 2
    assert "not a number" in err

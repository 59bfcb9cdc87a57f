"""``tinyml quantize``, and ``evaluate`` and ``predict`` in int8."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.commands.quantize
import engine.quantize.finetune
from engine.data import Catalogue, Dataset
from engine.errors import DataError, FileError
from engine.nn.losses import LOSSES
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout
from engine.quantize.calibrate import METHODS
from engine.quantize.compare_float_int8 import compare_int8
from engine.quantize.network import IntegerPredictor
from engine.storage import model_file
from engine.storage.shipped import load_shipped
from engine.training.events import BatchDone, Finished, Reason
from engine.training.images import LabelledImages

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def quantized(run: Run, saved: Path) -> Path:
    """Return the path of a model that is quantized on the starter set."""
    code, _, err = run("quantize", saved, "--data", "starter", "--images", 50, "--out", "q.tinyml")
    assert code == 0, err
    return saved.with_name("q.tinyml")


@pytest.mark.parametrize("method", METHODS)
def test_a_quantized_model_says_what_it_costs(run: Run, saved: Path, method: str) -> None:
    code, out, _ = run(
        "quantize", saved, "--data", "starter", "--method", method, "--out", "my q.tinyml", "--json"
    )
    assert code == 0
    report = json.loads(out)
    model, plain = model_file.load("my q.tinyml"), model_file.load(saved)
    quantization = model.quantization
    assert quantization is not None
    assert model.name == "my q"
    assert model.params.tobytes() == plain.params.tobytes()
    assert (quantization.method, quantization.data, quantization.images) == (method, "starter", 1000)
    test = Catalogue(()).load("starter", "test")
    accuracy = float(np.mean(IntegerPredictor(model).logits(test.images).argmax(axis=1) == test.labels))
    assert report["int8"]["accuracy"] == quantization.metrics["accuracy"] == pytest.approx(accuracy)
    assert report["float"]["accuracy"] == quantization.metrics["float_accuracy"]
    assert (
        report["flips"]
        == quantization.metrics["flips"]
        == len(compare_int8(model, LOSSES["mse"], LabelledImages(test.images, test.labels)).flips)
    )
    assert report["fingerprint"] == model.fingerprint != plain.fingerprint


def test_a_reader_sees_both_accuracies(run: Run, saved: Path) -> None:
    _, out, _ = run("quantize", saved, "--data", "starter", "--images", 20, "--out", "q.tinyml")
    lines = out.splitlines()
    assert lines[0] == "Accuracy on 1,000 test images of starter:"
    assert lines[1].startswith("  float ")
    assert "percentage points" in lines[2]
    assert "-0.00" not in lines[2]
    assert lines[-1] == "Saved q.tinyml."


def test_fine_tuning_trains(run: Run, saved: Path) -> None:
    code, _, err = run("quantize", saved, "--data", "starter", "--finetune", 1, "--out", "q.tinyml")
    assert code == 0
    assert "Epoch 1/1" in err
    model = model_file.load("q.tinyml")
    assert model.params.tobytes() != model_file.load(saved).params.tobytes()
    assert model.record.finetuning is not None
    assert model.record.finetuning.config is not None
    assert model.record.finetuning.config["epochs"] == 1


def test_fine_tuning_that_made_it_worse_is_told(run: Run) -> None:
    run("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", 1, "--out", "d.tinyml")
    words = ("quantize", "d.tinyml", "--data", "starter")
    plain = json.loads(run(*words, "--out", "p.tinyml", "--json")[1])
    _, out, _ = run(*words, "--finetune", 1, "--learning-rate", 1, "--out", "q.tinyml")
    assert f"int8 has {100 * plain['int8']['accuracy']:.2f} % without it. Leave out" in out


def test_evaluation_in_int8(run: Run, quantized: Path) -> None:
    reports = [
        json.loads(run("evaluate", quantized, "--data", "starter", "--json", *more)[1])
        for more in ((), ("--int8",))
    ]
    assert [report["numbers"] for report in reports] == ["float32", "int8"]
    metrics = model_file.load(quantized).quantization.metrics
    accuracies = [report["accuracy"] for report in reports]
    assert accuracies == [metrics["float_accuracy"], metrics["accuracy"]]
    assert reports[0]["loss"] == pytest.approx(reports[1]["loss"], rel=0.05)
    assert "in int8" in run("evaluate", quantized, "--data", "starter", "--int8")[1]


def test_info_tells_of_int8(run: Run, saved: Path, quantized: Path) -> None:
    assert json.loads(run("info", saved, "--json")[1])["quantization"] is None
    assert "\nint8: " not in run("info", saved)[1]
    found = json.loads(run("info", quantized, "--json")[1])["quantization"]
    assert found == model_file.load(quantized).quantization.to_json()
    assert "ranges by mse on 50 images of starter" in run("info", quantized)[1]


def test_prediction_in_int8(run: Run, quantized: Path, drawing: Path) -> None:
    code, out, _ = run("predict", quantized, drawing, "--int8", "--top", 10, "--json")
    assert code == 0
    found = {best["class"]: best["probability"] for best in json.loads(out)["results"][0]["top"]}
    _, out, _ = run("predict", quantized, drawing, "--top", 10, "--json")
    plain = {best["class"]: best["probability"] for best in json.loads(out)["results"][0]["top"]}
    assert found != plain
    assert [found[name] for name in plain] == pytest.approx(list(plain.values()), abs=0.02)


@pytest.mark.parametrize("command", [("evaluate", "--data", "starter"), ("predict", "one.png")])
def test_int8_needs_ranges(run: Run, saved: Path, drawing: Path, command: tuple[str, ...]) -> None:
    code, out, err = run(command[0], saved, *command[1:], "--int8")
    assert (code, out) == (2, "")
    assert "run `tinyml quantize` on it first" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--method", "guess"), "choose one of: min-max"),
        (("--images", "0"), "at least 1"),
        (("--finetune", "-1"), "at least 0"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_a_wrong_option_is_explained(run: Run, saved: Path, words: tuple[str, ...], reason: str) -> None:
    code, _, err = run("quantize", saved, "--data", "starter", "--out", "q.tinyml", *words)
    assert code == 2
    assert reason in err
    assert err.count("\n") == 1
    assert not Path("q.tinyml").exists()


def test_a_place_that_cannot_be_written_is_known_before_the_work(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(engine.quantize.finetune, "calibrate")
    code, _, err = run("quantize", saved, "--data", "starter", "--out", "no/such/folder/q.tinyml")
    assert code == 2
    assert err.startswith("tinyml: no/such/folder")


def test_data_of_other_classes_is_refused(run: Run, saved: Path) -> None:
    model = model_file.load(saved)
    model_file.save(model.replace(classes=tuple("abcdefghij")), saved)
    code, _, err = run("quantize", saved, "--data", "starter", "--out", "q.tinyml")
    assert code == 2
    assert "choose the data set that it was trained on" in err


def test_a_diverged_run_fails_but_leaves_a_calibrated_model(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Diverging(engine.quantize.finetune.Trainer):
        def run(self):  # type: ignore[no-untyped-def]
            yield Finished(Reason.DIVERGED, self.model())

    monkeypatch.setattr(engine.quantize.finetune, "Trainer", Diverging)
    code, out, _ = run("quantize", saved, "--data", "starter", "--finetune", 1, "--out", "q.tinyml")
    assert code == 1
    assert "diverged" in out
    assert model_file.load("q.tinyml").quantization is not None


@pytest.fixture
def with_an_outlier(tmp_path: Path) -> Path:
    """Return the path of a model whose last layer has one weight that dwarfs the others."""
    model = load_shipped("digits")
    params = model.params.copy()
    (view,) = (view for view in ParamLayout(model.spec).views if view.key == "7.weight")
    view.of(params)[0, 0] = 1e4
    model_file.save(model.replace(params=params), tmp_path / "big.tinyml")
    return tmp_path / "big.tinyml"


def test_what_costs_accuracy_is_named_and_scripts_can_refuse_it(run: Run, with_an_outlier: Path) -> None:
    words = ("quantize", with_an_outlier, "--data", "starter", "--images", 300, "--out", "q.tinyml")
    code, out, _ = run(*words, "--method", "min-max", "--most-drop", "2.5")
    assert code == 1
    assert "Layer 8 (Dense): weight[0, 0] is 10,000, 100," in out
    assert "That is more than the 2.5 percentage points allowed." in out
    assert out.splitlines()[-1] == "Saved q.tinyml."
    code, out, _ = run(*words, "--most-drop", "2.5", "--json")
    assert code == 0
    assert [found["value"] for found in json.loads(out)["outliers"]] == [1e4]


def test_a_drop_that_cannot_be_measured_is_refused_before_the_work(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Catalogue.load
    monkeypatch.setattr(engine.commands.quantize, "quantize_run", None)

    def only_training(self: Catalogue, name: str, part: str) -> Dataset:
        if part == "test":
            raise DataError(name, "there is no test part.")
        return load(self, name, part)

    monkeypatch.setattr(Catalogue, "load", only_training)
    code, out, err = run("quantize", saved, "--data", "starter", "--out", "q.tinyml", "--most-drop", 1)
    assert (code, out) == (2, "")
    assert "--most-drop needs test images" in err


def test_evaluation_names_a_layer_that_is_dead(run: Run, tmp_path: Path) -> None:
    model = load_shipped("digits")
    params = model.params.copy()
    (view,) = (view for view in ParamLayout(model.spec).views if view.key == "0.bias")
    view.of(params)[...] = -100
    model_file.save(model.replace(params=params), tmp_path / "dead.tinyml")
    out = run("evaluate", "dead.tinyml", "--data", "starter")[1]
    assert out.splitlines()[2].startswith("All units of layer 1 (Convolution) give 0 for every image")
    assert (
        "layer 1"
        in json.loads(run("evaluate", "dead.tinyml", "--data", "starter", "--json")[1])["silent_layer"]
    )
    assert "All units" not in run("evaluate", "digits", "--data", "starter")[1]


def test_ctrl_c_keeps_what_the_fine_tuning_has_learned(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []

    class Interrupted(engine.quantize.finetune.Trainer):
        def run(self):  # type: ignore[no-untyped-def]
            for event in super().run():
                if isinstance(event, BatchDone):
                    batches.append(event)
                    if len(batches) == 5:
                        signal.raise_signal(signal.SIGINT)
                yield event

    monkeypatch.setattr(engine.quantize.finetune, "Trainer", Interrupted)
    before = signal.getsignal(signal.SIGINT)
    code, out, err = run("quantize", saved, "--data", "starter", "--finetune", 50, "--out", "q.tinyml")
    assert code == 0, err
    assert signal.getsignal(signal.SIGINT) is before
    assert "Stopping after this batch" in err
    assert out.startswith("The fine-tuning was stopped; ")
    assert len(batches) <= 6
    model = model_file.load("q.tinyml")
    assert model.quantization is not None
    assert model.params.tobytes() != model_file.load(saved).params.tobytes()


def test_a_disk_that_fills_up_loses_no_fine_tuning(
    run: Run, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rescue").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "rescue"))
    save = model_file.save

    def full(model: Model, path: Any, run: Any = None) -> None:
        if str(path) == "q.tinyml":
            raise FileError(path, "the disk is full; free some space and try again.")
        save(model, path, run)

    monkeypatch.setattr(model_file, "save", full)
    code, out, err = run("quantize", saved, "--data", "starter", "--finetune", 1, "--out", "q.tinyml")
    assert (code, out) == (2, "")
    rescued = model_file.load(err.split("saved as ")[1].split(" instead")[0])
    assert rescued.record.finetuning is not None
    assert rescued.quantization is not None


def test_ctrl_c_while_measuring_keeps_the_model(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object) -> None:  # whatever another test has made of the signal in this process
        signal.default_int_handler(signal.SIGINT, None)

    monkeypatch.setattr(engine.commands.quantize, "compare_int8", pressed)
    code, out, err = run("quantize", saved, "--data", "starter", "--images", 9, "--out", "q.tinyml")
    assert (code, out) == (0, "Saved q.tinyml.\n")
    assert "Interrupted before" in err
    assert model_file.load("q.tinyml").quantization is not None


def test_without_test_images_nothing_is_measured(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.errors import DataError

    load = Catalogue.load

    def only_training(self: Catalogue, name: str, part: str):  # type: ignore[no-untyped-def]
        if part == "test":
            raise DataError(name, "there is no test part.")
        return load(self, name, part)

    monkeypatch.setattr(Catalogue, "load", only_training)
    code, out, err = run("quantize", saved, "--data", "starter", "--images", 9, "--out", "q.tinyml", "--json")
    assert code == 0
    assert "cannot be measured" in err
    assert "int8" not in json.loads(out)
    assert model_file.load("q.tinyml").quantization.metrics == {}

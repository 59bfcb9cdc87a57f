"""The command line as a contract: results on one stream, logs on the other, exit codes, one line a fault."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.commands.predict
import engine.commands.verify
from engine.data.idx import write_idx
from engine.errors import FileError, VerifyError
from engine.export import ExportOptions
from engine.nn.layers import Dense, Flatten
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.nn.specs import ModelSpec
from engine.storage import model_file
from engine.verify.certificate import Certificate, Result, code_options
from tests.engine.verify.emulation import need

ROOT = Path(__file__).resolve().parents[3]
DIGITS = tuple("0123456789")
Run = Callable[..., tuple[int, str, str]]


def write_data(folder: Path, count: int = 30, classes: int = 10) -> Path:
    """Write a data set in MNIST's files."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for prefix in ("train", "t10k"):
        images = rng.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        labels = (np.arange(count) % classes).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            with (folder / f"{prefix}-{kind}-ubyte").open("wb") as stream:
                write_idx(stream, array)
    return folder


def one_fault(result: tuple[int, str, str], code: int = 2) -> str:
    """Return the sentence of a command that failed, after checking that it is alone."""
    found, out, err = result
    assert found == code
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("tinyml: ")
    assert "Traceback" not in err
    return err.removeprefix("tinyml: ").strip()


def test_json_commands_write_one_object(run: Run, saved: Path, drawing: Path) -> None:
    commands: list[list[object]] = [
        ["data"],
        ["data", "info", "starter"],
        ["train", "--data", "starter", "--model", "mlp-32-32", "--epochs", 1],
        ["find-rate", "--data", "starter", "--model", "mlp-32-32"],
        ["evaluate", saved, "--data", "starter"],
        ["predict", saved, drawing],
        ["info", saved],
        ["export", saved, "--out", "made", "--test-vectors", 1, "--no-check"],
        ["verify", saved, "--vectors", 1],
    ]
    for words in commands:
        code, out, _ = run(*words, "--json")
        assert code == 0, words
        assert out.count("\n") == 1
        assert isinstance(json.loads(out), dict)


def test_faults_are_json_too(run: Run) -> None:
    code, out, err = run("info", "nothing.tinyml", "--json")
    assert code == 2
    assert json.loads(out)["error"] in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["train"], "--data"),
        (
            ["train", "--data", "starter", "--model", "lenet", "--epochs", "0"],
            "--epochs: Epochs must be at least 1",
        ),
        (["train", "--data", "starter", "--model", "lenet", "--epochs", "many"], "whole number"),
        (["train", "--data", "starter", "--model", "lenet", "--optimizer", "magic"], "adamw"),
        (["train", "--data", "starter", "--model", "lenet", "--epoch", "1"], "--epoch"),
        (["train", "--data", "starter", "--model", "lanet"], "lenet"),
        (["train", "--data", "kanji", "--model", "lenet"], "kanji"),
        (["train", "--data", "starter", "--model", "lenet", "--batch-size", "4096"], "batch of 4096"),
        (
            ["train", "--data", "starter", "--model", "lenet", "--lr", "-1"],
            "Learning rate must be at least 0",
        ),
        (["train", "--data", "starter", "--model", "lenet", "--lr", "nan"], "finite number"),
        (["train", "--data", "starter", "--model", "lenet", "--threads", "-1"], "Threads must be at least 0"),
        (["train", "--data", "starter", "--model", "lenet", "--threads", "1000"], "at most 256"),
        (
            ["train", "--data", "starter", "--model", "lenet", "--accumulate", "100", "--epochs", "1"],
            "100 batches are to be gathered but the whole run has 56",
        ),
        (["train", "--data", "starter"], "--model"),
        (["train", "--resume", "gone.tinyml"], "gone.tinyml"),
        (
            ["train", "--resume", "a.tinyml", "--epochs", "3", "--lr", "1"],
            "leave out --epochs, --learning-rate",
        ),
        (["train", "--resume", "a.tinyml", "--model", "lenet"], "leave out --model"),
        (["find-rate", "--data", "starter", "--model", "lenet", "--batch-size", "4096"], "batch of 4096"),
        (["find-rate", "--data", "starter", "--model", "lenet", "--lr", "1"], "--lr"),
        (["train", "--data", "starter", "--model", "lenet", "--out", "a/b/c.tinyml"], "does not exist"),
        (["train", "--data", "starter", "--model", "lenet", "--out", "."], "folder"),
        (["train", "--resume", "."], "folder"),
        (["predict", "x.tinyml"], "IMAGE"),
        (["predict", "x.tinyml", "a.png", "--top", "0"], "from 1 to 256"),
        (["predict", "x.tinyml", "a.png", "--top", "1_0"], "from 1 to 256"),
        (["info", "gone.tinyml"], "gone.tinyml"),
        (["data", "info"], "name of a data set"),
        (["data", "info", "kanji"], "kanji"),
        (["data", "list", "mnist"], "tinyml data info mnist"),
        (["data", "burn"], "burn"),
        (["data", "--data-dir", "nowhere"], "nowhere"),
        (["export", "gone.tinyml", "--out", "x", "--format", "cobol"], "c-float32"),
        (["info", "a\0b.tinyml"], "character"),
    ],
)
def test_wrong_command_lines(run: Run, words: list[str], says: str) -> None:
    assert says in one_fault(run(*words))


def test_the_version_is_told(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("tinyml ")


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["export", "--help"], ["data", "--help"]])
def test_help_is_success(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "usage: tinyml" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "JSON object"),
        (b'{"layers": [{"kind": "dense"}]}', "Layer 1: Dense needs a flat input"),
        (
            b'{"layers": [{"kind": "flatten"}, {"kind": "dense", "units": 0}]}',
            "Layer 2: Units must be at least 1",
        ),
        (b" " * 2_000_000, "larger than"),
    ],
)
def test_bad_descriptions_name_file_and_fault(run: Run, tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "net.json").write_bytes(content)
    for words in (["info", "net.json"], ["train", "--data", "starter", "--model", "net.json"]):
        fault = one_fault(run(*words))
        assert fault.startswith("net.json: ")
        assert says in fault


def test_description_with_other_classes(run: Run, tmp_path: Path) -> None:
    spec = ModelSpec((Flatten(), Dense(4)))
    (tmp_path / "net.json").write_text(json.dumps(spec.to_json()), encoding="utf-8")
    fault = one_fault(run("train", "--data", "starter", "--model", "net.json"))
    assert "4 outputs but there are 10 classes" in fault


@pytest.mark.parametrize("command", ["info", "evaluate", "predict", "export", "train"])
def test_damaged_models_name_the_file(run: Run, saved: Path, tmp_path: Path, command: str) -> None:
    broken = tmp_path / "broken.tinyml"
    broken.write_bytes(saved.read_bytes()[:-200])
    words: dict[str, list[str]] = {
        "info": ["broken.tinyml"],
        "evaluate": ["broken.tinyml", "--data", "starter"],
        "predict": ["broken.tinyml", "a.png"],
        "export": ["broken.tinyml", "--out", "x"],
        "train": ["--model", "broken.tinyml", "--data", "starter"],
    }
    assert "broken.tinyml" in one_fault(run(command, *words[command]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.tinyml", saved.name]


def test_truncated_data_name_the_file(run: Run, tmp_path: Path) -> None:
    folder = write_data(tmp_path / "own")
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-5])
    fault = one_fault(run("train", "--data", "own", "--model", "mlp-32-32"))
    assert "train-images-idx3-ubyte" in fault
    assert "ends" in fault


def test_classes_that_differ_are_refused(run: Run, tmp_path: Path) -> None:
    other = Model.new(PRESETS["mlp-32-32"].build(3), ("a", "b", "c"), np.random.default_rng(0))
    model_file.save(other, tmp_path / "abc.tinyml")
    fault = one_fault(run("evaluate", "abc.tinyml", "--data", "starter"))
    assert "abc.tinyml" in fault
    assert "starter has 10 classes (0 1 2 3 4 5 …), but the model knows 3 (a b c)" in fault
    code, _, err = run("train", "--model", "abc.tinyml", "--data", "starter")
    assert code == 2
    assert "classes" in err


def test_unreadable_images(run: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("not an image", encoding="utf-8")
    assert "note.txt" in one_fault(run("predict", saved, "note.txt"))
    assert "gone.png" in one_fault(run("predict", saved, "gone.png"))


def test_export_replaces_nothing_unasked(run: Run, saved: Path, tmp_path: Path) -> None:
    words = ("export", saved, "--out", "made", "--name", "digits", "--test-vectors", 2, "--no-check")
    assert run(*words)[0] == 0
    header = tmp_path / "made" / "digits.h"
    header.write_text("mine", encoding="utf-8")
    assert "digits.h" in one_fault(run(*words))
    assert header.read_text(encoding="utf-8") == "mine"
    assert run(*words, "--force")[0] == 0
    assert "digits_predict" in header.read_text(encoding="utf-8")
    assert "identifier" in one_fault(run("export", saved, "--out", "other", "--name", "9 lives"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--train-layers", 1), "add --training or leave it out"),
        (("--ram-limit", 10), "more than the limit of 10"),
        (("--training", "--section", ".slow"), "leave it empty"),
    ],
)
def test_an_option_is_never_ignored(run: Run, saved: Path, words: tuple[object, ...], said: str) -> None:
    assert said in one_fault(run("export", saved, "--out", "made", *words))
    assert not Path("made").exists()
    assert said in one_fault(run("verify", saved, *words))


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler is installed")
def test_exported_code_agrees(run: Run, saved: Path) -> None:
    code, out, _ = run("verify", saved, "--target", "host", "--vectors", 7, "--data", "starter", "--json")
    report = json.loads(out)
    assert (code, report["passed"], report["vectors"], report["mismatches"]) == (0, True, 7, 0)
    code, out, _ = run("verify", saved, "--vectors", 1)
    assert "agrees with the engine" in out


def test_code_that_differs_is_a_failure(run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result("host", "Here", "cc", "", "here", 9, 2, 1, 0.5, "Input 3 gives another class.")
    found = Certificate("x", "0", "c-float32", 9, "random", "", "", "", "", (result,))
    monkeypatch.setattr(engine.commands.verify, "verify_on", lambda *_: found)
    code, out, _ = run("verify", saved, "--json")
    assert (code, json.loads(out)["passed"]) == (1, False)
    assert run("verify", saved)[1] == "Input 3 gives another class.\n"


def test_a_certificate_that_cannot_be_written_is_known_before_the_work(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(engine.commands.verify, "verify_on")
    assert "no/such/folder" in one_fault(run("verify", saved, "--certificate", "no/such/folder/c.json"))


def test_the_outcome_is_shown_even_if_the_certificate_cannot_be_saved(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise FileError("c.json", "the disk is full; free some space and try again.")

    result = Result("host", "Here", "cc", "", "here", 9, 0, 0, 0.0)
    found = Certificate("x", "0", "c-float32", 9, "random", "", "", "", "", (result,))
    monkeypatch.setattr(engine.commands.verify, "verify_on", lambda *_: found)
    monkeypatch.setattr(Certificate, "save", full)
    code, out, err = run("verify", saved, "--certificate", "c.json")
    assert (code, err) == (2, "tinyml: c.json: the disk is full; free some space and try again.\n")
    assert "agrees with the engine on all 9 inputs" in out


def test_code_that_does_not_compile_is_a_failure(
    run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise VerifyError("The exported code does not compile.")

    monkeypatch.setattr(engine.commands.verify, "verify_on", fail)
    assert "does not compile" in one_fault(run("verify", saved), 1)


def test_a_certificate_goes_into_the_header(run: Run, saved: Path, tmp_path: Path) -> None:
    paper = tmp_path / "paper.json"
    paper.write_text("{}", encoding="utf-8")
    assert "no certificate" in one_fault(run("export", saved, "--out", "made", "--certificate", paper))
    result = Result("host", "Here", "some compiler", "-O2", "here", 9, 0, 0, 0.0)
    model = model_file.load(saved)
    about = ("x", model.fingerprint, "c-float32", 9, "random", "", "", "today", "us", (result,))
    good = Certificate(*about, options=code_options(ExportOptions()))
    good.save(paper)
    words = ("export", saved, "--name", "digits", "--test-vectors", 1, "--no-check", "--certificate", paper)
    assert run(*words, "--out", "made")[0] == 0
    head = (tmp_path / "made" / "digits.h").read_text(encoding="utf-8").partition(" */")[0]
    assert "Here: agrees; compiled by some compiler -O2; run by here" in head
    dataclasses.replace(good, model_hash="0123").save(paper)
    assert "another model" in one_fault(run(*words, "--out", "other"))
    assert not (tmp_path / "other").exists()


def test_figures_come_from_an_emulated_chip(run: Run, saved: Path, tmp_path: Path) -> None:
    need("cortex-m4")
    paper = tmp_path / "paper.json"
    words = ("verify", saved, "--target", "cortex-m4", "--vectors", 2, "--certificate", paper)
    code, out, err = run(*words)
    assert code == 0
    assert "agrees with the engine on all 2 inputs" in out
    assert "run_float, layer by layer  Cortex-M4" in out
    assert f"Wrote {paper}." in err
    written = Certificate.load(paper)
    assert written.results[0].network is not None
    assert f"{written.results[0].network.code_bytes:,}" in out
    assert (
        run("export", saved, "--out", "made", "--name", "digits", "--no-check", "--certificate", paper)[0]
        == 0
    )
    assert "(emulated)" in (tmp_path / "made" / "digits.h").read_text(encoding="utf-8")


def test_int8_needs_a_quantized_model(run: Run, saved: Path) -> None:
    assert "quantize" in one_fault(run("verify", saved, "--format", "c-int8"))


def test_a_missing_compiler_is_named(run: Run, saved: Path) -> None:
    assert "no-such-cc" in one_fault(run("verify", saved, "--compiler", "no-such-cc"))


def test_data_folders_come_from_option_and_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sets").mkdir()
    write_data(tmp_path / "sets" / "mnist")
    found = json.loads(run("data", "info", "mnist", "--data-dir", "sets", "--json")[1])
    assert (found["train"], found["test"]) == (30, 30)
    monkeypatch.setenv("TINYML_DATA", "sets")
    assert json.loads(run("data", "info", "mnist", "--json")[1])["present"]


def test_download_reports_where(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(self: Any, name: str, folder: str) -> Any:
        (tmp_path / folder).mkdir()
        yield 1, 2
        write_data(tmp_path / folder / name)
        yield 2, 2

    monkeypatch.setattr("engine.data.Catalogue.download", download)
    code, out, _ = run("data", "download", "mnist", "--data-dir", "sets")
    assert code == 0
    assert "mnist" in out


def test_bugs_are_one_line_unless_asked(run: Run, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(engine.commands.predict, "preprocess", broken)
    monkeypatch.setattr(engine.commands.predict, "load_ink", lambda path: None)
    fault = one_fault(run("predict", saved, "a.png"), 1)
    assert "RuntimeError: boom" in fault
    assert "--debug" in fault
    _, _, err = run("predict", saved, "a.png", "--debug")
    assert "Traceback" in err

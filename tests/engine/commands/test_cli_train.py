"""``tinyml train``: saved, reproduced, continued, interrupted, and nothing lost when the disk is full."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.commands.train
import engine.files
from engine.commands.options import option_of
from engine.data import Catalogue
from engine.knobs import knobs_of
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.record import Metrics, StartingPoint
from engine.storage import model_file
from engine.terminal.signals import ending_signals, on_signals
from engine.training.augment import Augmentation
from engine.training.config import TrainConfig
from engine.training.events import Event

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
QUICK = ("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "1")


def test_a_model_is_trained_measured_and_saved(run: Run) -> None:
    code, out, err = run(*QUICK, "--out", "my digits.tinyml")
    assert code == 0
    assert "Saved my digits.tinyml." in out
    assert "Epoch 1/1" in err
    model = model_file.load("my digits.tinyml")
    assert model.name == "my digits"
    metrics = model.record.metrics
    assert metrics is not None
    assert (metrics.data, metrics.images) == ("starter", 1000)
    assert "of 1,000 images of starter" in run("info", "my digits.tinyml")[1]
    assert (metrics.accuracy or 0) > 0.6
    assert model.record.reason == "completed"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--optimizer", "adam", "--shift", "1.5", "--rotate", "10", "--nesterov", "--threads", "1"],
        [
            "--seed",
            "7",
            "--validation",
            "0",
            "--schedule",
            "one_cycle",
            "--weight-decay",
            "1e-4",
            "--lr",
            "0.01",
        ],
    ],
)
def test_the_recorded_command_gives_the_same_bits(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    run(*QUICK, *options, "--out", tmp_path / "a b.tinyml")
    first = model_file.load("a b.tinyml")
    (tmp_path / "again").mkdir()
    monkeypatch.chdir(tmp_path / "again")
    program, *words = shlex.split(first.record.command or "")
    assert program == "tinyml"
    assert run(*words)[0] == 0
    second = model_file.load("a b.tinyml")
    assert second.fingerprint == first.fingerprint
    assert second.record.command == first.record.command


def test_every_knob_is_an_option(run: Run) -> None:
    _, out, _ = run("train", "--help")
    for owner in (TrainConfig, Augmentation):
        for knob in knobs_of(owner):
            assert option_of(knob.name) in out
    assert "--lr" in out


def test_the_rate_follows_the_optimizer_and_the_loss_the_preset(run: Run) -> None:
    found = json.loads(run(*QUICK, "--optimizer", "rmsprop", "--json")[1])
    assert found["config"]["learning_rate"] == 0.001
    found = json.loads(run(*QUICK[:3], "--model", "genann-2x19", "--epochs", "1", "--json")[1])
    assert found["config"]["loss"] == "mse"
    found = json.loads(run(*QUICK, "--optimizer", "rmsprop", "--lr", "0.002", "--json")[1])
    assert found["config"]["learning_rate"] == 0.002


def loss_of(model: Model) -> float:
    assert model.record.metrics is not None
    assert model.record.metrics.loss is not None
    return model.record.metrics.loss


def test_a_saved_model_is_trained_on(run: Run) -> None:
    run(*QUICK[:3], "--model", "genann-2x19", "--epochs", "1", "--out", "first.tinyml")
    first = model_file.load("first.tinyml")
    code, _, _ = run(
        "train", "--data", "starter", "--model", "first.tinyml", "--epochs", "1", "--out", "b.tinyml"
    )
    assert code == 0
    second = model_file.load("b.tinyml")
    assert second.record.loss == "mse"
    begun_with = StartingPoint(fingerprint=first.fingerprint, command=first.record.command)
    assert second.record.start == begun_with
    assert loss_of(second) < loss_of(first)


def test_a_description_is_trained(run: Run, tmp_path: Path) -> None:
    description = PRESETS["mlp-32-32"].build().to_json()
    (tmp_path / "net.json").write_text(json.dumps(description), encoding="utf-8")
    from_json = json.loads(run(*QUICK[:3], "--model", "net.json", "--epochs", "1", "--json")[1])
    from_preset = json.loads(run(*QUICK, "--json")[1])
    assert from_json["fingerprint"] == from_preset["fingerprint"]


@pytest.fixture
def at_first_event(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Return a function that has something happen while training, after the first event."""

    def plan(happen: Callable[[], Any]) -> None:
        report = engine.commands.train.TrainingDisplay.report
        done: list[bool] = []

        def reporting(self: Any, event: Event) -> None:
            report(self, event)
            if not done:
                done.append(True)
                happen()

        monkeypatch.setattr(engine.commands.train.TrainingDisplay, "report", reporting)

    return plan


@pytest.mark.parametrize("number", ending_signals())
def test_being_told_to_end_stops_and_still_saves(
    run: Run, at_first_event: Callable[..., None], number: signal.Signals
) -> None:
    at_first_event(lambda: signal.raise_signal(number))
    before = signal.getsignal(number)
    code, out, err = run(*QUICK[:-1], "10000", "--out", "a.tinyml")
    assert code == 0
    assert "Ctrl+C" in err
    assert "Saved a.tinyml." in out
    assert model_file.load("a.tinyml").record.reason == "stopped"
    assert signal.getsignal(number) is before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")
def test_a_terminal_that_is_closed_says_so_twice_and_the_run_is_still_saved(
    run: Run, at_first_event: Callable[..., None]
) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)

    at_first_event(twice)
    assert run(*QUICK[:-1], "10000", "--out", "a.tinyml")[0] == 0
    assert model_file.load("a.tinyml").record.reason == "stopped"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs POSIX signals")
def test_what_was_started_to_outlive_its_terminal_does() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in ending_signals()
        with on_signals(lambda *_: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in ending_signals()


def test_ctrl_c_twice_gives_up(run: Run, at_first_event: Callable[..., None], tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    at_first_event(twice)
    code, out, err = run(*QUICK, "--out", "a.tinyml")
    assert (code, out) == (1, "")
    assert err.endswith("tinyml: interrupted.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_told_to_end_while_measuring_still_saves(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr(engine.commands.train.Evaluator, "run", interrupted)
    code, _, err = run(*QUICK, "--validation", "0", "--out", "a.tinyml")
    assert code == 0
    assert "Interrupted" in err
    assert model_file.load("a.tinyml").record.metrics == Metrics()


def diverging(*options: str) -> tuple[str, ...]:
    return (*QUICK[:3], "--model", "net.json", "--loss", "mse", "--lr", "100", *options)


def test_divergence_fails_and_replaces_nothing(run: Run, tmp_path: Path) -> None:
    network = {"layers": [{"kind": "flatten"}, {"kind": "dense", "units": 10}]}
    (tmp_path / "net.json").write_text(json.dumps(network), encoding="utf-8")
    code, out, err = run(*diverging("--out", "new.tinyml"))
    assert code == 1
    assert "learning rate ten times smaller" in err
    assert "Training diverged" in out
    assert np.isfinite(model_file.load("new.tinyml").params).all()
    old = (tmp_path / "new.tinyml").read_bytes()
    for beside in ("new.diverged.tinyml", "new.diverged-2.tinyml"):
        code, out, err = run(*diverging("--out", "new.tinyml", "--seed", "3"))
        assert code == 1
        assert f"new.tinyml stays as it was; the last good parameters go into {beside}." in err
        assert f"Saved {beside}." in out
        assert np.isfinite(model_file.load(beside).params).all()
    files = ["net.json", "new.diverged-2.tinyml", "new.diverged.tinyml", "new.tinyml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    assert (tmp_path / "new.tinyml").read_bytes() == old


def test_an_absurd_rate_ends_in_a_named_state(run: Run) -> None:
    code, out, err = run(*QUICK[:3], "--model", "lenet", "--lr", "100", "--json")
    assert (code, json.loads(out)["reason"]) == (1, "diverged")
    assert "Diverged in epoch 1" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("rate", "times"), [("0", 1), ("0.05", 0)])
def test_a_run_that_only_guesses_says_so_once(run: Run, rate: str, times: int) -> None:
    code, _, err = run(*QUICK[:-1], "3", "--lr", rate)
    assert code == 0
    assert err.count("It is not learning") == times


def test_threads_beyond_the_machine_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    _, out, err = run(*QUICK, "--threads", "64", "--json")
    assert err.startswith("This machine has 2 cores: training with 2 threads instead of 64.\n")
    assert json.loads(out)["threads"] == 2
    assert "--threads 2" in json.loads(out)["command"]
    assert "instead of" not in run(*QUICK, "--threads", "2")[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--optimizer", "adam", "--momentum", "0.5"), ["--momentum has no effect with Adam."]),
        (
            ("--optimizer", "adamw", "--nesterov", "--momentum", "0"),
            ["--momentum has no effect with AdamW.", "--nesterov has no effect with AdamW."],
        ),
        (("--nesterov", "--momentum", "0"), ["--nesterov has no effect without momentum."]),
        (("--optimizer", "adam"), []),
        (("--momentum", "0.5"), []),
        (
            ("--patience", "2", "--validation", "0"),
            ["--patience has no effect without validation images."],
        ),
        (("--patience", "2"), []),
    ],
)
def test_a_setting_without_effect_is_told(run: Run, options: tuple[str, ...], said: list[str]) -> None:
    code, _, err = run(*QUICK, *options)
    assert code == 0
    assert [line for line in err.splitlines() if "no effect" in line] == said


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_noticed_before_training(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    old = tmp_path / "a.tinyml"
    old.write_bytes(b"old")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    monkeypatch.setattr(engine.commands.train, "Trainer", None)  # whoever trains now fails
    exit_code, out, err = run(*QUICK, "--out", "a.tinyml")
    assert (exit_code, out) == (2, "")
    assert err.startswith("tinyml: a.tinyml: ")
    assert err.count("\n") == 1
    assert old.read_bytes() == b"old"


def test_a_disk_that_fills_up_while_training_loses_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rescue").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "rescue"))
    save = model_file.save

    def full(model: Model, path: Any, run: Any = None) -> None:
        if str(path) in {"a.tinyml", "a.unfinished.tinyml"}:
            raise engine.files.FileError(path, "the disk is full; free some space and try again.")
        save(model, path, run)

    monkeypatch.setattr(model_file, "save", full)
    code, _, err = run(*QUICK, "--out", "a.tinyml")
    assert code == 2
    assert "run could not be kept" in err
    assert "disk is full" in err
    place = err.split("saved as ")[1].split(" instead")[0]
    assert model_file.load(place).trained


def test_what_is_wrong_with_the_data_is_said_before_the_first_epoch(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Catalogue.load
    change: dict[str, Any] = {}
    monkeypatch.setattr(Catalogue, "load", lambda self, *names: replace(load(self, *names), **change))
    data = Catalogue().load("starter", "train")
    change["classes"] = tuple("1234567890")
    code, _, err = run(*QUICK, "--out", "a.tinyml")
    assert code == 0
    assert err.index("images called 1 look like 0, 2 look like 1") < err.index("Epoch 1/1")
    change.update(images=np.zeros_like(data.images), labels=data.labels)
    code, out, err = run(*QUICK, "--out", "b.tinyml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "All 4,000 images of starter are blank" in err
    assert not Path("b.tinyml").exists()


def test_data_without_a_test_part(run: Run, tmp_path: Path) -> None:
    from tests.engine.commands.test_cli import write_data

    folder = write_data(tmp_path / "own", count=200)
    for path in folder.glob("t10k-*"):
        path.unlink()
    code, _, err = run("train", "--data", "own", "--model", "mlp-32-32", "--epochs", "1", "--out", "a.tinyml")
    assert code == 0
    assert "test accuracy cannot be measured" in err
    assert model_file.load("a.tinyml").record.metrics == Metrics()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_progress_shows_on_a_terminal_alone() -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "engine", *QUICK]
    try:
        quiet = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\r" not in quiet.stderr
    assert "batch" in shown
    assert "Epoch 1/1" in shown


@pytest.mark.slow
def test_one_epoch_on_mnist(run: Run, data_dir: Path) -> None:
    """The promise of the README: the defaults give 97.5 % after one pass."""
    words = ("train", "--data", "mnist", "--model", "lenet", "--epochs", 1, "--data-dir", data_dir, "--json")
    code, out, _ = run(*words)
    assert code == 0
    assert json.loads(out)["metrics"]["accuracy"] >= 0.975

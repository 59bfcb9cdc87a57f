"""``tinyml train --resume``: killed, interrupted or moved, a run ends with the bits it would have had."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.commands.train
from engine.commands.keeper import finished_path, unfinished_path
from engine.storage import model_file
from engine.training.events import BatchDone, EpochDone, Event

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
SETTINGS = (
    "--data", "starter", "--optimizer", "adam", "--shift", "1", "--averaging", "0.9",
    "--threads", "2", "--seed", "5",
)  # fmt: skip
SMALL = (*SETTINGS, "--model", "mlp-32-32")
UNFINISHED = "a.unfinished.tinyml"


def without_speed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without what the clock puts into it."""
    epochs = [{k: v for k, v in e.items() if k != "images_per_second"} for e in record["history"]]
    return {**record, "history": epochs}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that has Ctrl+C pressed at the first event for which a condition holds."""

    def plan(condition: Callable[[Event], bool], times: int = 1) -> None:
        report = engine.commands.train.TrainingDisplay.report
        left = [times]

        def reporting(self: Any, event: Event) -> None:
            report(self, event)
            while left[0] and condition(event):
                left[0] -= 1
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(engine.commands.train.TrainingDisplay, "report", reporting)

    return plan


def in_epoch_two(event: Event) -> bool:
    return isinstance(event, BatchDone) and event.epoch == 2 and event.step % 10 == 0


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start ``tinyml train`` as a program of its own."""
    command = [sys.executable, "-m", "engine", "train", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_run_ends_with_the_same_bits(run: Run, tmp_path: Path) -> None:
    words = (*SETTINGS, "--model", "lenet", "--epochs", "4")
    (tmp_path / "a.tinyml").write_bytes(b"older work")
    with start(tmp_path, *words, "--out", "a.tinyml") as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("Epoch 2/"))
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "a.tinyml").read_bytes() == b"older work"
    assert model_file.load(UNFINISHED).record.reason == "unfinished"
    with start(tmp_path, "--resume", "a.tinyml") as process:
        _, err = process.communicate()
    assert process.returncode == 0
    assert "Going on with the run in a.unfinished.tinyml" in err
    with start(tmp_path, *words, "--out", "whole.tinyml") as process:
        process.communicate()
    whole, (resumed, rest) = model_file.load("whole.tinyml"), model_file.load_run("a.tinyml")
    assert rest is None
    assert not (tmp_path / UNFINISHED).exists()
    assert resumed.fingerprint == whole.fingerprint
    renamed = json.loads(json.dumps(whole.record.to_json()).replace("whole.tinyml", "a.tinyml"))
    assert without_speed(resumed.record.to_json()) == without_speed(renamed)


def test_an_interrupted_run_stays_resumable(run: Run, at: Callable[..., None], tmp_path: Path) -> None:
    assert run("train", *SMALL, "--epochs", "3", "--out", "whole.tinyml")[0] == 0
    at(in_epoch_two)
    code, out, _ = run("train", *SMALL, "--epochs", "3", "--out", "a.tinyml")
    assert code == 0
    assert "Saved a.tinyml." in out
    assert "--resume a.tinyml" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tinyml", "whole.tinyml"]
    assert model_file.load("a.tinyml").record.reason == "stopped"
    before = (tmp_path / "a.tinyml").read_bytes()
    code, out, _ = run("train", "--resume", "a.tinyml", "--out", "b.tinyml", "--json")
    assert code == 0
    assert json.loads(out)["fingerprint"] == model_file.load("whole.tinyml").fingerprint
    assert json.loads(out)["reason"] == "completed"
    assert model_file.load("b.tinyml").name == "b"
    assert (tmp_path / "a.tinyml").read_bytes() == before
    assert run("train", "--resume", "b.tinyml")[0] == 2


def test_giving_up_at_once_keeps_the_last_epoch(run: Run, at: Callable[..., None], tmp_path: Path) -> None:
    at(in_epoch_two, times=2)
    code, _, err = run("train", *SMALL, "--epochs", "3", "--out", "a.tinyml")
    assert (code, err.splitlines()[-1]) == (1, "tinyml: interrupted.")
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
    assert run("train", "--resume", UNFINISHED, "--json")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.tinyml"]


def test_a_new_run_says_what_it_will_replace(run: Run, at: Callable[..., None]) -> None:
    at(in_epoch_two, times=2)
    run("train", *SMALL, "--epochs", "3", "--out", "a.tinyml")
    _, _, err = run("train", *SMALL, "--epochs", "1", "--out", "a.tinyml")
    assert "unfinished run, which this one replaces" in err
    assert "--resume a.tinyml" in err
    assert not Path(UNFINISHED).exists()


def test_the_best_of_a_run_that_ends_early_is_found_again(
    run: Run, at: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the last epoch and the end, a run must not learn on."""
    words = (*SMALL, "--epochs", "50", "--patience", "1", "--lr", "0.02")
    whole = json.loads(run("train", *words, "--json")[1])
    assert whole["reason"] == "no further improvement"
    last = len(whole["history"])
    at(lambda event: isinstance(event, EpochDone) and event.epoch == last, times=2)
    monkeypatch.setattr("engine.training.checkpoint.KeepInterval.PAUSES", 0)
    assert run("train", *words, "--out", "a.tinyml")[0] == 1
    resumed = json.loads(run("train", "--resume", "a.tinyml", "--json")[1])
    assert without_speed(resumed)["history"] == without_speed(whole)["history"]
    assert resumed["fingerprint"] == whole["fingerprint"]


def test_other_data_is_refused(run: Run, at: Callable[..., None], tmp_path: Path) -> None:
    from tests.engine.commands.test_cli import write_data

    write_data(tmp_path / "own", count=300)
    at(lambda event: True)
    run("train", "--data", "own", "--model", "mlp-32-32", "--out", "a.tinyml")
    for path in (tmp_path / "own").iterdir():
        path.unlink()
    (tmp_path / "own").rmdir()
    write_data(tmp_path / "own", count=200)
    code, _, err = run("train", "--resume", "a.tinyml")
    assert code == 2
    assert "300 images" in err


def test_data_that_changed_is_refused_and_data_that_moved_is_found(
    run: Run, at: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.commands.test_cli import write_data

    words = ("--model", "mlp-32-32", "--epochs", "2", "--batch-size", "16")
    write_data(tmp_path / "own", count=300)
    whole = json.loads(run("train", "--data", "own", *words, "--json")[1])
    at(lambda event: isinstance(event, BatchDone) and event.step == 5)
    run("train", "--data", "own", *words, "--out", "a.tinyml")
    shutil.move("own", "elsewhere")
    assert "own" in run("train", "--resume", "a.tinyml")[2]
    before = (tmp_path / "a.tinyml").read_bytes()
    for name, place in (("images", "train-images-idx3-ubyte"), ("labels", "train-labels-idx1-ubyte")):
        original = Path("elsewhere", place).read_bytes()
        Path("elsewhere", place).write_bytes(original[:-1] + bytes([(original[-1] + 1) % 10]))
        code, _, err = run("train", "--resume", "a.tinyml", "--data", "elsewhere")
        assert code == 2
        assert f"The {name} of own are not those that the run began with" in err
        Path("elsewhere", place).write_bytes(original)
    assert (tmp_path / "a.tinyml").read_bytes() == before
    monkeypatch.setattr("engine.training.terms.kernels_in_use", lambda: "another processor")
    code, out, err = run("train", "--resume", "a.tinyml", "--data", "elsewhere", "--json")
    assert code == 0
    assert "goes on with another processor: its last bits will differ" in err
    assert json.loads(out)["fingerprint"] == whole["fingerprint"]
    assert json.loads(out)["data"] == "own"


@pytest.mark.parametrize(
    ("path", "between"),
    [("a.tinyml", "a.unfinished.tinyml"), ("x/a.b.tinyml", "x/a.b.unfinished.tinyml")],
)
def test_the_unfinished_file_lies_beside(path: str, between: str) -> None:
    assert unfinished_path(path) == Path(between)
    assert finished_path(between) == str(Path(path))
    assert finished_path(path) == path


def test_the_rate_that_is_found_is_one_that_was_tried(run: Run) -> None:
    words = ("find-rate", "--data", "starter", "--model", "mlp-32-32", "--optimizer", "adam")
    found = json.loads(run(*words, "--json")[1])
    rates = [point["rate"] for point in found["points"]]
    assert rates == sorted(rates)
    assert rates[0] < found["rate"] < rates[-1]
    assert found["command"].endswith(f"--optimizer adam --lr {found['rate']:g}")
    code, out, _ = run(*words, "--shift", "2", "--batch-size", "32")
    assert code == 0
    assert out.count("lowest") == 1
    assert all(
        option in out.splitlines()[-1] for option in ("--shift 2", "--batch-size 32")
    )  # found with them
    out = run(*words)[1]
    assert found["command"] in out

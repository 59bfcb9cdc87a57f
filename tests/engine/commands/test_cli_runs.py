"""``tinyml runs``: what was trained on the command line can be listed, compared, removed and noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
TRAIN = ("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "1", "--threads", "1")


@pytest.fixture(autouse=True)
def history_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYML_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def two(run: Run) -> list[str]:
    """Train twice, and return the names of both runs, the first one first."""
    for rate in ("0.05", "0.1"):
        assert run(*TRAIN, "--lr", rate, "--out", "a.tinyml")[0] == 0
    listed = json.loads(run("runs", "--json")[1])["runs"]
    rates = {}
    for item in listed:
        shown = json.loads(run("runs", "show", item["run"], "--json")[1])
        rates[shown["record"]["config"]["learning_rate"]] = item["run"]
    return [rates[0.05], rates[0.1]]


def test_runs_are_listed_shown_and_compared(run: Run, two: list[str]) -> None:
    code, out, _ = run("runs", "list")
    assert code == 0
    assert all(name in out for name in two)
    code, out, _ = run("runs", "show", two[0])
    assert code == 0
    assert "--learning-rate 0.05" in out
    assert "validation accuracy" in out
    code, out, _ = run("runs", "compare", *two, "--json")
    found = json.loads(out)
    assert (code, found["runs"]) == (0, two)
    assert found["differences"]["learning rate"] == [0.05, 0.1]
    assert "epochs" not in found["differences"]
    assert "SHA-256 of images" not in found["differences"]
    assert "learning rate" in run("runs", "compare", *two)[1]
    assert run("runs", "compare", two[0], two[0])[1] == "They do not differ.\n"


def test_the_weights_of_a_run_can_be_used(run: Run, two: list[str]) -> None:
    shown = json.loads(run("runs", "show", two[1], "--json")[1])
    assert shown["record"]["metrics"]["data"] == "starter"
    assert len(shown["record"]["terms"]["images"]) == 64
    assert json.loads(run("info", shown["weights"], "--json")[1])["fingerprint"] == shown["fingerprint"]


def test_a_run_is_removed_brought_back_and_noted(run: Run, two: list[str]) -> None:
    assert run("runs", "remove", two[0])[0] == 0
    assert two[0] not in run("runs", "list")[1]
    assert f"removed: {two[0]}" in run("runs", "list", "--removed")[1]
    assert run("runs", "remove", "--undo", two[0])[0] == 0
    assert run("runs", "note", two[0], "the better one")[0] == 0
    assert "the better one" in run("runs", "list")[1]


def test_mistakes_are_one_sentence(run: Run, tmp_path: Path) -> None:
    assert "No run has been noted" in run("runs", "list", "--runs-dir", tmp_path / "none")[1]
    code, _, err = run("runs", "show", "yesterday")
    assert (code, err.count("\n")) == (2, 1)
    assert "no such run" in err
    code, _, err = run("runs", "remove", "--undo", "yesterday")
    assert code == 2
    assert "list --removed" in err


def test_a_history_that_cannot_be_written_loses_no_model(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TINYML_RUNS", str(tmp_path / "file"))
    code, _, err = run(*TRAIN, "--out", "b.tinyml")
    assert code == 0
    assert "not in the history" in err
    assert Path("b.tinyml").exists()

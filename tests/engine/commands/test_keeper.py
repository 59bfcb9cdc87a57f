"""Where a run is saved: its name is claimed, its place is tried before, and a full disk names another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.files
from engine.commands.keeper import Keeper, save_model, unfinished_path
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.storage import model_file
from engine.terminal.console import Console

Run = Callable[..., tuple[int, str, str]]
QUICK = ("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "1")


def test_a_trial_leaves_no_trace(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.tinyml").write_bytes(b"old")
    Keeper("a.tinyml", Console()).check_disk_space(1000)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tinyml"]
    assert (tmp_path / "a.tinyml").read_bytes() == b"old"


@pytest.mark.parametrize("words", [QUICK, ("train", "--resume", "a.tinyml")])
def test_a_second_run_for_the_same_file_is_refused(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    unfinished = unfinished_path("a.tinyml")
    unfinished.write_bytes(b"of the first run")
    with Keeper("a.tinyml", Console()).claimed():
        code, out, err = run(*words, *(("--out", "a.tinyml") if words is QUICK else ()))
        assert (code, out) == (2, "")
        assert err.startswith("tinyml: a.tinyml: another training is writing to it")
        assert run(*QUICK, "--out", "b.tinyml")[0] == 0
    assert unfinished.read_bytes() == b"of the first run"
    assert sorted(path.name for path in tmp_path.iterdir()) == [unfinished.name, "b.tinyml"]


def test_what_a_killed_run_left_claims_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".a.unfinished.tinyml.lock").touch()
    assert run(*QUICK, "--out", "a.tinyml")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.tinyml"]


def test_a_place_that_was_full_as_well_is_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(model: Model, path: Any, run: Any = None) -> None:
        raise engine.files.FileError(path, "the disk is full; free some space and try again.")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(model_file, "save", full)
    model = Model.new(PRESETS["mlp-32-32"].build(), tuple("0123456789"), np.random.default_rng(0))
    with pytest.raises(engine.files.FileError) as caught:
        save_model(model, "a.tinyml")
    assert str(caught.value) == "a.tinyml: the disk is full; free some space and try again."

"""The history loses no run to a second writer, a full disk, a damaged entry or a newer version."""

from __future__ import annotations

import json
import math
import multiprocessing
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.errors import FieldError, FileError
from engine.nn.model import Model
from engine.nn.presets import PRESETS
from engine.record import EpochDone, Metrics, TrainingRecord
from engine.runs import history as history_module
from engine.runs.differences import differences
from engine.runs.history import History
from engine.runs.run import MOST_NOTE, Run
from engine.training.config import TrainConfig

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
EPOCH = EpochDone(1, 1, 0.5, 0.75, math.nan, math.nan, 1000.0)


def trained(seed: int = 0, rate: float = 0.05, preset: str = "mlp-32-32") -> Model:
    config = TrainConfig(learning_rate=rate).to_json()
    record = TrainingRecord(data="digits", config=config, threads=1, history=(EPOCH,), reason="completed")
    rng = np.random.default_rng(seed)
    return Model.new(PRESETS[preset].build(), tuple("0123456789"), rng, "a").replace(record=record)


def noted(history: History, model: Model, day: int = 0) -> Run:
    run = Run.of(model, 2.0, "command", NOW + timedelta(days=day))
    history.add(run, model)
    return run


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "runs")


def test_a_run_comes_back_with_its_curves_and_weights(history: History) -> None:
    model = trained()
    run = noted(history, model)
    [found] = history.all().runs
    assert found.to_json() == run.to_json()
    assert found.history[0].train_loss == 0.5
    assert found.began == NOW - timedelta(seconds=2)
    np.testing.assert_array_equal(history.model(run.key).params, model.params)


def test_an_empty_history_is_no_error(history: History) -> None:
    assert history.all() == ([], [])
    with pytest.raises(FileError, match="no such run"):
        history.get("last")


def test_runs_are_found_by_a_part_of_their_name(history: History) -> None:
    first, last = (noted(history, trained(day), day) for day in (0, 1))
    assert [run.key for run in history.all().runs] == [last.key, first.key]
    assert history.get("last").key == history.get(last.key[:8]).key == last.key
    assert history.get(first.key[-6:]).key == first.key
    with pytest.raises(FileError, match="2 runs are called so"):
        history.get("2026")
    for text in ("", "../runs", "tomorrow"):
        with pytest.raises(FileError, match="no such run"):
            history.get(text)


def _add_some(folder: Path, seed: int) -> None:
    for day in range(5):
        noted(History(folder), trained(seed), day)


def test_programs_that_write_at_once_lose_no_run(history: History) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_some, args=(history.folder, seed)) for seed in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = history.all()
    assert len(found.runs) == 10
    assert not found.faults


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "not JSON"),
        (lambda text: "", "not JSON"),
        (lambda text: "[" * 100_000, "not JSON"),
        (lambda text: text.replace("tinyml-run", "other"), "damaged"),
        (lambda text: text.replace('"version": 1', '"version": 99'), "newer version"),
        (lambda text: text.replace('"seconds": 2.0', '"seconds": NaN'), "not JSON"),
        (lambda text: text.replace('"seconds": 2.0', '"seconds": 1' + "0" * 400), "field seconds"),
        (lambda text: re.sub(r'"began": ".*?"', '"began": "soon"', text), "time"),
        (lambda text: re.sub(r'"parameters": \d+', '"parameters": -1', text), "field parameters"),
    ],
)
def test_a_damaged_entry_hides_itself_and_can_be_removed(
    damage: object, sentence: str, history: History
) -> None:
    bad, good = (noted(history, trained(), day) for day in (0, 1))
    entry = history.folder / f"{bad.key}.json"
    broken = damage(entry.read_text())  # type: ignore[operator]
    entry.write_text(broken)
    runs, [fault] = history.all()
    assert [run.key for run in runs] == [good.key]
    assert str(entry) in fault
    assert sentence in fault
    with pytest.raises(FileError, match=sentence):
        history.note(bad.key, "x")
    assert entry.read_text() == broken, "what a newer version wrote is not lost"
    history.remove(bad.key)
    assert history.all().faults == []


def test_a_full_disk_leaves_the_history_as_it_was(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    noted(history, trained())
    before = sorted(history.folder.iterdir())

    def full(path: Path, data: bytes) -> None:
        raise FileError(path, "the disk is full; free some space and try again.")

    monkeypatch.setattr(history_module, "write_bytes", full)
    with pytest.raises(FileError, match="disk is full"):
        noted(history, trained(1), 1)
    assert sorted(history.folder.iterdir()) == before


def test_removing_can_be_undone(history: History) -> None:
    run = noted(history, trained())
    history.remove(run.key)
    assert history.all().runs == []
    assert history.removed() == [run.key]
    assert history.key_of(run.key[:8], removed=True) == run.key
    history.bring_back(run.key)
    assert history.get(run.key).to_json() == run.to_json()
    assert history.model(run.key).fingerprint == run.fingerprint
    with pytest.raises(FileError, match="no such file"):
        history.bring_back(run.key)


def test_a_note_is_kept_and_limited(history: History) -> None:
    run = noted(history, trained())
    assert history.note(run.key, "ein Versuch – gut").note == history.get(run.key).note == "ein Versuch – gut"
    with pytest.raises(FieldError, match="at most"):
        history.note(run.key, "x" * (MOST_NOTE + 1))
    history.measured(run.key, Metrics(data="digits", images=10, accuracy=0.5, loss=1.0))
    assert history.get(run.key).accuracy == 0.5
    assert history.get(run.key).note == "ein Versuch – gut"


def test_old_weights_make_room_and_their_runs_stay(tmp_path: Path) -> None:
    history = History(tmp_path)
    size = history_size(history, noted(history, trained(0), 0))
    history = History(tmp_path, most_bytes=int(2.5 * size))
    removed = noted(history, trained(1), 1)
    history.remove(removed.key)
    later = [noted(history, trained(day), day) for day in (2, 3)]
    assert [run.key for run in history.all().runs if history.weights(run.key)] == [
        run.key for run in reversed(later)
    ]
    assert len(history.all().runs) == 3
    with pytest.raises(FileError, match="made room"):
        history.model(history.all().runs[-1].key)
    history.bring_back(removed.key)
    assert history.weights(removed.key) is None


def history_size(history: History, run: Run) -> int:
    place = history.weights(run.key)
    assert place is not None
    return place.stat().st_size


def test_even_weights_above_the_limit_are_kept_for_the_newest_run(tmp_path: Path) -> None:
    history = History(tmp_path, most_bytes=1)
    first, second = (noted(history, trained(day), day) for day in (0, 1))
    assert history.weights(first.key) is None
    assert history.weights(second.key) is not None


def test_only_what_differs_is_told() -> None:
    runs = [Run.of(trained(rate=rate), 2.0, "command", NOW) for rate in (0.05, 0.5)]
    assert [tuple(row) for row in differences(runs)] == [("learning rate", (0.05, 0.5))]
    assert differences([runs[0], runs[0]]) == []


def test_other_networks_and_data_differ_by_name() -> None:
    first = Run.of(trained(), 2.0, "command", NOW)
    record = replace(first.record, terms={"images": "ab", "labels": "cd", "kernels": "k"})
    second = Run.of(trained(preset="lenet").replace(record=record), 2.0, "window", NOW)
    found = dict(differences([first, second]))
    assert found["layer 1 kind"] == ("flatten", "conv2d")
    assert found["SHA-256 of images"] == (None, "ab")
    assert found["parameters"][1] == 107_786


def test_an_entry_is_plain_json(history: History) -> None:
    run = noted(history, trained())
    value = json.loads((history.folder / f"{run.key}.json").read_bytes())
    assert value["record"]["history"][0]["validation_loss"] is None

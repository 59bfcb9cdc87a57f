"""``tinyml sweep``: counted and checked first, resumable, one row for each run."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.commands.sweep
from engine.storage import model_file
from engine.sweep.outcome import Finished
from engine.sweep.processes import here

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
GRID = ("--model", "mlp-32-32", "--grid", "layers.1.units=2..4", "--grid", "train.seed=0,1")
QUICK = ("sweep", *GRID, "--data", "starter", "--epochs", "1", "--momentum", "0", "--workers", "1")


def table(path: str = "a.csv") -> list[dict[str, str]]:
    return list(csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()))


def test_each_run_gets_a_row_and_the_best_are_told(run: Run) -> None:
    code, out, err = run(*QUICK, "--lr", "0.1", "--out", "a.csv")
    assert code == 0
    assert "6 runs on 4,000 images of starter" in err
    assert "6 of 6 runs done" in out
    rows = table()
    assert [row["Settings"] for row in rows].count('{"train.seed":1,"layers.1.units":4}') == 1
    assert {row["Seed"] for row in rows[:3]} == {"0"}
    assert {row["State"] for row in rows} == {"completed"}
    assert all(float(row["Accuracy"]) >= 0 for row in rows)


def test_a_sweep_is_resumed_and_what_was_deleted_is_done_again(run: Run) -> None:
    run(*QUICK, "--out", "a.csv")
    before = Path("a.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    Path("a.csv").write_text("".join([*before[:2], *before[4:6], before[6][:50]]), encoding="utf-8")
    code, out, err = run(*QUICK, "--out", "a.csv", "--resume", "--json")
    assert code == 0
    assert "6 runs on 4,000 images of starter, 3 of them in a.csv already" in err
    found = json.loads(out)
    assert (found["done"], found["failed"], found["runs"]) == (3, 0, 6)
    assert len(found["best"]) == 5
    assert sorted(row["Number"] for row in table()) == list("123456")
    assert json.loads(run(*QUICK, "--out", "a.csv", "--resume", "--json")[1])["done"] == 0


def test_the_preset_takes_the_shape_of_the_data(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []

    def few(tasks: object, *others: object) -> object:
        chosen.extend(tasks)  # type: ignore[call-overload]
        return iter(())

    class Closing(list):  # type: ignore[type-arg]
        def close(self) -> None: ...

    monkeypatch.setattr(engine.commands.sweep, "carried_out", lambda *a: few(*a) and Closing())
    words = ("sweep", "--preset", "361", "--data", "starter", "--epochs", "2", "--workers", "2")
    code, _, err = run(*words, "--activation", "relu", "--out", "a.csv")
    assert code == 0
    assert "361 runs" in err
    assert sum(len(task.runs) for task in chosen) == 361
    assert {run.config.epochs for task in chosen for run in task.runs} == {2}


def test_a_file_describes_a_sweep_of_any_network(run: Run) -> None:
    Path("s.toml").write_text(
        "\n".join(
            [
                "[train]",
                "epochs = 1",
                "[[layers]]",
                'kind = "conv2d"',
                "filters = 2",
                "stride = 3",
                "[[layers]]",
                'kind = "flatten"',
                "[[layers]]",
                'kind = "dense"',
                "[grid]",
                '"layers.0.filters" = [1, 2]',
            ]
        )
    )
    code, out, _ = run("sweep", "s.toml", "--data", "starter", "--out", "a.jsonl", "--workers", "1")
    assert code == 0
    assert "2 of 2 runs done" in out
    rows = [json.loads(line) for line in Path("a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [json.loads(row["Settings"]) for row in rows] == [{"layers.0.filters": 1}, {"layers.0.filters": 2}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "one of FILE, --preset and --model"),
        (("--preset", "361", "--model", "lenet"), "one of FILE, --preset and --model"),
        (("--model", "lenet"), "--model and --grid go together"),
        (("--preset", "361", "--grid", "train.seed=1"), "--model and --grid go together"),
        ((*GRID, "--activation", "relu"), "--activation belongs to --preset"),
        ((*GRID, "--seed", "3"), "train.seed is part of the grid"),
        (("--preset", "361", "--lr", "3"), "train.learning_rate is part of the grid"),
        (("--model", "lenet", "--grid", "layers.0.filterz=3"), "There is no field layers.0.filterz"),
        (("--model", "lenet", "--grid", "layers.0.filters"), "FIELD=VALUE"),
        (("--model", "lenet", "--grid", "train.seed=0..999999"), "1,000,000 values"),
        (("--model", "lenet", "--grid", "layers.7.units=10,11"), "Run 2 (layers.7.units 11) has 11 outputs"),
        (("no.toml",), "no.toml: there is no such file"),
        ((*GRID, "--scheduler", "what://ever"), "There is no Dask scheduler at what://ever"),
        ((*GRID, "--scheduler", "tls://127.0.0.1:9", "--tls-ca", "ca.pem"), "TLS needs --tls-ca, --tls-cert"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(engine.commands.sweep, "carried_out", None)  # whoever trains now fails
    code, out, err = run("sweep", *words, "--data", "starter", "--out", "a.csv")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("a.csv").exists()


SEARCH = ("sweep", "--model", "mlp-32-32", "--grid", "layers.1.units=2,4,6,8", "--data", "starter")
SHORT = (*SEARCH, "--epochs", "1", "--momentum", "0", "--workers", "1", "--trials", "2")


def test_a_search_keeps_its_study_and_its_best_models(run: Run) -> None:
    pytest.importorskip("optuna")
    words = (
        *SHORT,
        "--board",
        "nano-33-ble",
        "--out",
        "a.csv",
        "--keep",
        "best",
        "--int8",
        "--json",
        "--report",
        "r.html",
    )
    code, out, err = run(*words)
    assert code == 0
    assert "Its Optuna study is in a.journal" in err
    found = json.loads(out)
    assert (found["done"], found["search"]["refused"]) == (2, 0)
    kept = {path.stem.removeprefix("run-"): path for path in Path("best").iterdir()}
    front = {row["Run"]: row for row in found["front"]}
    assert kept.keys() == front.keys()
    for key, path in kept.items():
        model = model_file.load(path)
        assert model.record.metrics is not None
        assert 100 * (model.record.metrics.accuracy or 0) == pytest.approx(front[key]["Accuracy"])
        assert abs(front[key]["Accuracy int8"] - front[key]["Accuracy"]) < 5
    assert {row["Run"]: row["Accuracy int8"] for row in table() if row["Run"] in front} == {
        key: str(row["Accuracy int8"]) for key, row in front.items()
    }
    assert "What matters for" in Path("r.html").read_text(encoding="utf-8")
    assert run(*words)[0] == 2  # the table is there already
    more = [*words, "--resume"]
    more[more.index("2")] = "3"
    assert json.loads(run(*more)[1])["done"] == 1
    assert len(table()) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*SEARCH, "--board", "nano-33-ble"), "--board belongs to a search"),
        ((*SEARCH, "--halving"), "--halving belongs to a search"),
        ((*SHORT, "--objective", "speed"), "no objective 'speed'"),
        ((*SHORT, "--objective", "accuracy,flash", "--halving"), "with the objective accuracy"),
        ((*SHORT, "--grid", "layers.1.speed=1"), "no field layers.1.speed"),
        ((*SHORT, "--minutes", "0"), "Minutes must be at least 0.01"),
        ((*SHORT, "--board", "arduino-uno", "--grid", "layers.2.units=4000"), "fits Arduino Uno"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    pytest.importorskip("optuna")
    code, out, err = run(*words, "--out", "a.csv")
    assert (code, out) == (2, "")
    assert said in err


def test_a_table_is_never_overwritten(run: Run) -> None:
    Path("a.csv").write_text("mine")
    code, _, err = run(*QUICK, "--out", "a.csv")
    assert code == 2
    assert "there is such a file already; give --resume" in err
    assert run(*QUICK, "--out", "a.csv", "--resume")[0] == 2
    assert Path("a.csv").read_text() == "mine"


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(tasks, data, test, *others):  # type: ignore[no-untyped-def]
        done = 0
        for event in here(tasks, data, test):
            done += isinstance(event, Finished)
            yield event
            if done == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine.commands.sweep, "carried_out", interrupted)
        code, _, err = run(*QUICK, "--out", "a.csv")
    assert code == 1
    assert "2 of 6 runs are in a.csv. To go on" in err
    assert run(*QUICK, "--out", "a.csv", "--resume")[0] == 0
    assert len({row["Run"] for row in table()}) == len(table()) == 6


@pytest.mark.campaign
def test_killed_at_random_moments_every_run_is_there_once(tmp_path: Path) -> None:
    out, pick = tmp_path / "a.csv", random.Random(0)
    words = ["sweep", "--model", "mlp-32-32", "--grid", "layers.1.units=2..13", "--grid", "train.seed=0..4"]
    words += ["--data", "starter", "--epochs", "1", "--momentum", "0", "--workers", "2"]
    command = [sys.executable, "-m", "engine", *words, "--out", str(out), "--resume"]
    for _ in range(50):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pick.uniform(0.3, 4))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert sorted(int(row["Number"]) for row in rows) == list(range(1, 61))

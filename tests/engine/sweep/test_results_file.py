"""The table of results: complete after any interruption, and of one sweep only."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import FileError
from engine.nn.presets import PRESETS
from engine.sweep import results_file
from engine.sweep.columns import ACCURACY, COLUMNS, KEY, STATE, Row, row_of
from engine.sweep.description import Run
from engine.sweep.outcome import BoardCost, Failed, Finished, Score, Trained
from engine.sweep.results_file import ResultsFile, table_claimed
from engine.sweep.summary import summary
from engine.training.config import TrainConfig
from engine.training.events import Reason

SWEEP = "0e1234567890"  # like a number
HISTORICAL = (
    "Input Layer,Hidden Layer,Neuron per hidden layer,Output,RAM (kb),Flash (kb),Training Time (s),"
    "Prediction (ms),Accuracy,Accuracy/Time ratio"
)
NAMES = ("a.csv", "a.jsonl")


def run(number: int) -> Run:
    config = TrainConfig(seed=number)
    return Run(number, PRESETS["mlp-32-32"].build(), config, "isometric", (("train.seed", number),))


def done(number: int, accuracy: float = 0.9) -> Finished:
    score = Score(0.25, accuracy, accuracy, 1000)
    nothing = np.zeros(1, np.float32)
    trained = Trained(run(number), nothing, Reason.COMPLETED, 10, 2.0, score, replace(score, accuracy=0.8))
    return Finished(trained, 1e-5, {"float32": BoardCost(100_500, 300, 5000), "int8": BoardCost()})


def rows(numbers: Sequence[int]) -> list[Row]:
    return [row_of(done(number), SWEEP) for number in numbers]


def test_a_table_has_one_writer(tmp_path: Path) -> None:
    with table_claimed(tmp_path / "a.csv"):
        with (
            pytest.raises(FileError, match=r"a\.csv: another sweep is writing to it; wait for its end"),
            table_claimed(tmp_path / "a.csv"),
        ):
            pass
        with table_claimed(tmp_path / "b.csv"):
            pass
    with table_claimed(tmp_path / "a.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_read_as_they_were_written(tmp_path: Path, name: str) -> None:
    file = ResultsFile(tmp_path / name, SWEEP, resume=False)
    written = rows([0, 1, 2])
    for row in written:
        file.append([row])
    again = ResultsFile(tmp_path / name, SWEEP, resume=True)
    assert list(again.rows.values()) == written
    assert again.rows == file.rows


def test_the_table_begins_with_the_published_columns(tmp_path: Path) -> None:
    ResultsFile(tmp_path / "a.csv", SWEEP, resume=False).append(rows([0]))
    head, line = csv.reader((tmp_path / "a.csv").read_text().splitlines())
    assert ",".join(head).startswith(HISTORICAL + ",")
    assert line[:10] == ["784", "2", "32", "10", "0.3", "100.5", "2.0", "10.0", "80.0", "40.0"]
    assert line[head.index("Flash int8 (bytes)")] == ""


@pytest.mark.parametrize("name", NAMES)
def test_wherever_the_file_is_cut_each_run_is_there_once_at_the_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file, written = ResultsFile(path, SWEEP, resume=False), rows([0, 1, 2])
    file.append(written)
    whole = path.read_bytes()
    first = 1 + whole.find(b"\n") if name.endswith("csv") else 0  # the head is written whole
    for cut in {*range(first, len(whole), 53), len(whole) - 1, len(whole)}:
        path.write_bytes(whole[:cut])
        file = ResultsFile(path, SWEEP, resume=True)
        file.append([row for row in written if row[KEY] not in file.rows])
        assert path.read_bytes() == whole


@pytest.mark.parametrize("name", NAMES)
def test_failed_and_deleted_runs_are_done_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file = ResultsFile(path, SWEEP, resume=False)
    file.append([*rows([0, 1]), row_of(Failed(run(2), "No memory,\nand no luck."), SWEEP), *rows([3])])
    assert len(file.rows) == 3
    lines = path.read_text().splitlines(keepends=True)
    assert "No memory" in lines[-2]
    path.write_text("".join(line for line in lines if run(1).key not in line))
    again = ResultsFile(path, SWEEP, resume=True)
    assert set(again.rows) == {run(0).key, run(3).key}
    again.append(rows([1, 2]))
    final = ResultsFile(path, SWEEP, resume=True)
    assert sorted(final.rows) == sorted(run(number).key for number in range(4))


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    ResultsFile(path, SWEEP, resume=False).append([*rows([0]), *rows([0])])
    assert len(ResultsFile(path, SWEEP, resume=True).rows) == 1
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"Input Layer,Hidden Layer\n784,1\n", "with these columns"),
        ("a.csv", b"\xff\xfe\x00\n", "no table of results"),
        ("a.csv", b"mine", "no table of results"),
        ("a.jsonl", b"mine", "no table of results"),
        ("a.jsonl", b'{"a": 1}\n', "no table of results"),
        ("a.jsonl", b'{"Input Layer": 1}\n', "line 1 is damaged"),
        ("a.jsonl", b'{"Input Layer": ' + b"[" * 100_000 + b"\n", "line 1 is damaged"),
        ("a.jsonl", b'{"Input Layer": "\xff"}\n', "line 1 is damaged"),
    ],
)
def test_a_file_that_is_something_else_is_refused_and_left_alone(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for resume in (True, False):
        with pytest.raises(FileError, match=words if resume else "already"):
            ResultsFile(tmp_path / name, SWEEP, resume)
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_results_of_another_sweep_are_refused(tmp_path: Path, name: str) -> None:
    ResultsFile(tmp_path / name, SWEEP, resume=False).append(rows([0]))
    with pytest.raises(FileError, match="another sweep or other data"):
        ResultsFile(tmp_path / name, "abc", resume=True)


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    ResultsFile(path, SWEEP, resume=False).append(rows([0, 1]))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:40] + "\n", lines[2]]))
    with pytest.raises(FileError, match="line 2 is damaged; delete it"):
        ResultsFile(path, SWEEP, resume=True)


def test_a_full_disk_cuts_nothing_and_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    file = ResultsFile(path, SWEEP, resume=False)
    file.append(rows([0]))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(results_file.os, "fsync", full)
        for number in (1, 2):
            with pytest.raises(FileError, match="disk is full"):
                file.append(rows([number]))
            assert path.read_bytes() == before
    file.append(rows([3]))
    assert set(ResultsFile(path, SWEEP, resume=True).rows) == {run(number).key for number in range(4)}


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        ResultsFile(tmp_path / "no" / "a.csv", SWEEP, resume=False)


def test_validation_chooses_and_chance_is_counted() -> None:
    known: list[dict[str, Any]] = [dict(row_of(done(n, a), SWEEP)) for n, a in enumerate((0.7, 0.95, 0.9))]
    known[2][ACCURACY] = 99.0  # the best on the test images does not win by that
    known[0][ACCURACY] = 15.0
    known.append({**dict.fromkeys(COLUMNS), STATE: "diverged"})
    found = summary(known, 10)
    assert [row[KEY] for row in found.best] == [run(1).key, run(2).key, run(0).key]
    assert found.at_chance == 2

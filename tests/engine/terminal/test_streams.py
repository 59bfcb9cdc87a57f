"""What commands print: under any encoding, and without ending the work where nobody reads it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.cli import main
from engine.commands import COMMANDS
from engine.storage import model_file
from engine.terminal.streams import standard_streams

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., tuple[int, str, str]]
ENCODINGS = ("ascii", "cp437", "cp932", "latin-1")
QUICK = ("train", "--data", "starter", "--model", "mlp-32-32", "--epochs", "1", "--threads", "1")


class Broken(io.StringIO):
    """A stream that cannot be written: its disk is full, its reader has left, or its terminal is gone."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, *words: object) -> tuple[int, str, str]:
    """Return exit code, output and messages of a command whose streams have this encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        code = main([str(word) for word in words])
    for stream in streams:
        stream.flush()
    output, messages = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]
    return code, output, messages


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_needs_no_special_characters(
    monkeypatch: pytest.MonkeyPatch, encoding: str, command: object
) -> None:
    code, output, messages = printed(monkeypatch, encoding, command.name, "--help")  # type: ignore[attr-defined]
    assert (code, messages) == (0, "")
    assert "usage: tinyml" in output


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_results_need_no_special_characters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: Path, drawing: Path, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    commands: list[list[object]] = [
        ["data", "info", "emnist"],
        ["evaluate", saved, "--data", "starter"],
        ["predict", saved, drawing],
        ["info", "lenet", "--board", "arduino-mega"],
        ["quantize", saved, "--data", "starter", "--images", 9, "--out", "q.tinyml"],
        ["export", saved, "--out", f"made {encoding}"],
        [*QUICK, "--out", "a.tinyml"],
    ]
    for words in commands:
        code, output, messages = printed(monkeypatch, encoding, *words)
        assert (code, output != "") == (0, True), (words, messages)


def test_what_an_encoding_lacks_is_written_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = printed(monkeypatch, "ascii", "info", "lenet")
    assert (code, output.splitlines()[0]) == (0, "lenet: 28x28x1 to 10 classes")
    code, output, messages = printed(monkeypatch, "ascii", "info", "Ж–1", "--json")
    assert code == 2
    assert messages.startswith("tinyml: \\u0416-1: there is no such file")
    assert json.loads(output)["error"].startswith("Ж–1: ")


def test_json_is_the_same_in_every_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("data", "info", "emnist", "--json")
    outputs = {printed(monkeypatch, encoding, *words)[1] for encoding in (*ENCODINGS, "utf-8")}
    assert len(outputs) == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_messages_that_cannot_be_written_do_not_end_the_work(
    run: Run, monkeypatch: pytest.MonkeyPatch, saved: Path, terminal: bool
) -> None:
    stream = Broken()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)  # a terminal gets a progress bar as well
    monkeypatch.setattr(sys, "stderr", stream)
    for words in (QUICK, ("quantize", saved, "--data", "starter", "--finetune", "1", "--threads", 1)):
        code, out, _ = run(*words, "--out", "a.tinyml")
        assert (code, "Saved a.tinyml." in out) == (0, True)
        assert model_file.load("a.tinyml").name == "a"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and a POSIX shell")
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-", "2>&1 >/dev/null | head -n 1"])
def test_a_program_outlives_its_standard_error(tmp_path: Path, where: str) -> None:
    command = f'"{sys.executable}" -m engine {" ".join(QUICK)} --out a.tinyml {where}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert result.returncode == 0
    assert model_file.load(tmp_path / "a.tinyml").trained


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full and a POSIX shell")
def test_results_that_cannot_be_written_are_a_fault() -> None:
    command = f'"{sys.executable}" -m engine info lenet >/dev/full'
    result = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "tinyml: standard output: the disk is full; free some space and try again.\n"


def test_the_streams_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)  # as in a program without a console
    before = sys.stdout, sys.stderr
    with standard_streams():
        sys.stderr.write("nobody reads this")
    assert (sys.stdout, sys.stderr) == before

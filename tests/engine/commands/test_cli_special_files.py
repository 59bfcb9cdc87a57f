"""Pipes, devices and write-protected files: no command waits for them or replaces them, each says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.data.idx import idx_shape, read_idx
from engine.errors import DataError
from tests.engine.commands.test_cli import write_data
from tests.engine.conftest import Run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX pipes and devices")
WRITERS = {
    "train": ("train", "--data", "data", "--model", "mlp-32-32", "--epochs", 1, "--out"),
    "quantize": ("quantize", "digits", "--data", "data", "--out"),
    "verify": ("verify", "digits", "--vectors", 1, "--certificate"),
    "export": ("export", "digits", "--name", "net", "--force", "--no-check", "--out"),
}
READERS = {
    "info": ("info", "special.tinyml"),
    "info of a description": ("info", "special.json"),
    "evaluate": ("evaluate", "special.tinyml", "--data", "data"),
    "predict": ("predict", "special.tinyml", "one.png"),
    "predict an image": ("predict", "digits", "special.png"),
    "quantize": ("quantize", "special.tinyml", "--data", "data", "--out", "q.tinyml"),
    "export": ("export", "special.tinyml", "--out", "c"),
    "export with a certificate": ("export", "digits", "--out", "c", "--certificate", "special.json"),
    "verify": ("verify", "special.tinyml"),
    "train further": ("train", "--data", "data", "--model", "special.tinyml"),
    "resume": ("train", "--resume", "special.tinyml"),
}


@pytest.fixture(autouse=True)
def nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is noticed before any work begins."""
    for place in ("engine.commands.train._train", "engine.commands.quantize._run"):
        monkeypatch.setattr(place, None)
    monkeypatch.setattr("engine.commands.verify.verify_on", None)


@pytest.fixture
def others(tmp_path: Path) -> Iterator[None]:
    """Write a data set, and check that nothing else is written."""
    write_data(tmp_path / "data")
    yield
    assert [path.name for path in tmp_path.iterdir() if "special" not in path.name] == ["data"]


def fault(run: Run, *words: object) -> str:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("tinyml: ")
    (line,) = err.splitlines()[-1:]
    return line


@pytest.mark.parametrize("command", WRITERS)
@pytest.mark.parametrize("kind", ["pipe", "device", "protected"])
def test_they_are_not_replaced(command: str, kind: str, run: Run, others: None, tmp_path: Path) -> None:
    folder = tmp_path / "special"
    folder.mkdir()
    path = folder / "net.h"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        path.write_bytes(b"mine")
        path.chmod(0o444)
    before = path.stat()
    said = "the file is write-protected" if kind == "protected" else "this is a pipe or a device, not a file"
    assert f"{Path('special/net.h')}: {said}" in fault(run, *WRITERS[command], "special/net.h")
    after = path.stat()
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


@pytest.mark.parametrize("command", READERS)
def test_nobody_waits_for_a_pipe(command: str, run: Run, others: None, tmp_path: Path) -> None:
    (name,) = [word for word in READERS[command] if word.startswith("special")]
    os.mkfifo(tmp_path / name)
    assert f"{name}: this is a pipe or a device, not a file" in fault(run, *READERS[command])


def test_a_data_set_may_hold_no_pipe(run: Run, tmp_path: Path) -> None:
    images = next(write_data(tmp_path / "data").glob("train-images*"))
    images.unlink()
    os.mkfifo(images)
    assert "data" in fault(run, "train", "--data", "data", "--model", "mlp-32-32")
    with pytest.raises(DataError, match="this is a pipe"):
        read_idx(images, 3)
    with pytest.raises(DataError, match="this is a pipe"):
        idx_shape(images, 3)

"""Temporary files and folders outlive a killed process until the next one comes; nobody takes others."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine import temporary
from engine.files import atomic_write, write_all, write_bytes
from engine.temporary import new_file, remove_abandoned_files, work_folder

ROOT = Path(__file__).resolve().parents[2]
POSIX = pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
DIES = """
import os, sys
from pathlib import Path
from engine.files import atomic_write, write_all
from engine.temporary import work_folder
with work_folder() as folder:
    (folder / "below").mkdir()
    (folder / "below" / "source.c").write_text("int main(void);")
    atomic_write(Path(sys.argv[1]), lambda stream: stream.write(b"half") and os._exit(9))
"""


@pytest.fixture
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of this test's own, in which all temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@POSIX
def test_the_next_process_removes_what_a_killed_one_has_left(tmp_path: Path, temporary_files: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.bin").write_bytes(b"old")
    environment = {**os.environ, "TMPDIR": str(temporary_files)}
    command = [sys.executable, "-c", DIES, str(out / "model.bin")]
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 9
    assert len(list(out.iterdir())) == 2
    assert len(list(temporary_files.iterdir())) == 1
    write_bytes(out / "another.bin", b"new")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        "model.bin": b"old",
        "another.bin": b"new",
    }
    with work_folder() as folder:
        assert list(temporary_files.iterdir()) == [folder]


def test_a_file_that_is_being_written_is_not_taken_for_left_behind(tmp_path: Path) -> None:
    def write(stream) -> None:
        stream.write(b"outer")
        write_bytes(tmp_path / "same", b"inner")

    atomic_write(tmp_path / "same", write)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"outer"]


def test_files_of_one_set_are_held_until_all_are_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else writes into the same folder whenever one of the files is renamed."""
    rename = Path.replace

    def disturbed(self: Path, target: Path) -> Path:
        remove_abandoned_files(tmp_path)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", disturbed)
    contents = {tmp_path / name: name.encode() for name in "abc"}
    write_all(contents)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == contents


def test_a_folder_that_is_in_use_stays(temporary_files: Path) -> None:
    with work_folder() as first:
        (first / "a").write_bytes(b"a")
        with work_folder() as second:
            assert first != second
            assert (first / "a").read_bytes() == b"a"
        assert list(temporary_files.iterdir()) == [first]
    assert list(temporary_files.iterdir()) == []


@POSIX
def test_what_is_removed_before_it_is_held_is_made_again(
    tmp_path: Path, temporary_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, removed = temporary._hold, []

    def too_late(descriptor: int, path: str | Path) -> bool:
        if not removed:
            removed.append(Path(path))
            (os.rmdir if Path(path).is_dir() else os.unlink)(path)
        return hold(descriptor, path)

    monkeypatch.setattr(temporary, "_hold", too_late)
    with work_folder() as folder:
        assert folder.is_dir()
        assert folder != removed[0]
    removed.clear()
    stream, path = new_file(tmp_path, "name")
    with stream:
        assert path.exists()
        assert path != removed[0]


@POSIX
def test_what_only_looks_like_ours_stays(tmp_path: Path, temporary_files: Path) -> None:
    """A link would lead out of the folder; other files and folders have other names."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"")
    (temporary_files / "tinyml-work-link").symlink_to(precious)
    (temporary_files / "tinyml-rescued").mkdir()
    (tmp_path / ".a.tinyml-tmp").symlink_to(precious / "file")
    (tmp_path / ".a.tmp").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    with work_folder():
        write_bytes(tmp_path / "new", b"")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "new"])


def test_long_names_leave_room_for_the_ending(tmp_path: Path) -> None:
    name = "\N{MICROBE}" * 63
    write_bytes(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]

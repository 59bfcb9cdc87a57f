"""Sets of files belong to one program each, with and without locks, and stay until they are decided about."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import FileError
from tinyml_gui.document import recovery
from tinyml_gui.document.recovery import RecoveryFiles

DAY = 86_400

Program = Callable[[], RecoveryFiles]


@pytest.fixture(params=["locks", "no locks"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on a file system with or without locks."""

    def refused(stream: object, shared: bool = False) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if request.param == "no locks":
        monkeypatch.setattr(recovery, "lock", refused)
    return tmp_path


@pytest.fixture
def program(folder: Path) -> Iterator[Program]:
    """Start one more program."""
    started: list[RecoveryFiles] = []

    def start() -> RecoveryFiles:
        started.append(RecoveryFiles(folder))
        return started[-1]

    yield start
    for files in started:
        files.release()


def ended(folder: Path, *names: str, seconds_ago: float = 3600) -> Path:
    """Let a program end so long ago that it has left these files; return its folder."""
    files = RecoveryFiles(folder)
    own = files.model.parent
    for name in names:
        (own / name).write_bytes(name.encode())
    files.release()
    for path in (*own.iterdir(), own):
        then = path.stat().st_mtime - seconds_ago
        os.utime(path, (then, then))
    return own


def test_every_program_has_files_of_its_own_however_many_there_are(program: Program) -> None:
    running = [program() for _ in range(20)]
    for number, files in enumerate(running):
        files.model.write_bytes(bytes([number]))
    assert [files.model.read_bytes() for files in running] == [bytes([n]) for n in range(20)]
    assert all(files.left() == () for files in running)
    running.pop().close()
    assert all(files.model.exists() for files in running)


def test_each_crash_leaves_a_set_of_its_own_the_newest_first(program: Program, folder: Path) -> None:
    first = ended(folder, "model.tinyml", seconds_ago=9000)
    second = ended(folder, "model.tinyml", "run.tinyml", seconds_ago=6000)
    third = ended(folder, "run.tinyml", seconds_ago=3000)
    left = program().left()
    assert [found.folder for found in left] == [third, second, first]
    assert [(found.model is None, found.run is None) for found in left] == [
        (True, False),
        (False, False),
        (False, True),
    ]


def test_what_nobody_has_decided_about_stays_when_programs_close(program: Program, folder: Path) -> None:
    ended(folder, "model.tinyml")
    for _ in range(3):
        files = program()
        assert len(files.left()) == 1
        files.close()
    assert len(program().left()) == 1


def test_what_is_adopted_takes_the_place_of_the_own_files(program: Program, folder: Path) -> None:
    ended(folder, "model.tinyml", "run.tinyml")
    files = program()
    files.model.write_bytes(b"own")
    (left,) = files.left()
    files.adopt(left)
    assert (files.model.read_bytes(), files.run.read_bytes()) == (b"model.tinyml", b"run.tinyml")
    assert not left.folder.exists()
    assert program().left() == ()  # this program has it now


def test_what_is_discarded_is_gone(program: Program, folder: Path) -> None:
    ended(folder, "model.tinyml")
    files = program()
    files.discard(files.left()[0])
    assert files.left() == ()


def test_after_thirty_days_it_is_removed(program: Program, folder: Path) -> None:
    young = ended(folder, "model.tinyml", seconds_ago=29 * DAY)
    old = ended(folder, "model.tinyml", seconds_ago=31 * DAY)
    assert [found.folder for found in program().left()] == [young]
    assert not old.exists()


def test_an_empty_set_is_removed_but_not_while_it_may_be_filled(program: Program, folder: Path) -> None:
    young, old = ended(folder), ended(folder, seconds_ago=2 * DAY)
    assert program().left() == ()
    assert (young.exists(), old.exists()) == (True, False)


def test_a_program_whose_folder_was_removed_makes_it_anew(program: Program) -> None:
    files = program()
    files.close()
    files.claim()
    files.model.write_bytes(b"again")
    assert program().left() == ()


def test_a_folder_that_cannot_be_made_is_no_fault_before_something_is_written(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    files = RecoveryFiles(tmp_path / "a file")
    assert files.left() == ()
    files.claim()
    files.close()


def test_a_set_that_cannot_be_removed_says_so(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(folder, "model.tinyml")
    files = program()
    monkeypatch.setattr(recovery.shutil, "rmtree", lambda *args, **kwargs: None)
    with pytest.raises(FileError, match="by hand"):
        files.discard(files.left()[0])

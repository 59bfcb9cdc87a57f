"""Files are replaced whole or stay as they were, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from engine.errors import DataError, FileError
from engine.files import (
    atomic_write,
    check_disk_space,
    check_replaceable,
    file_faults,
    read_limited,
    write_all,
    write_bytes,
)

OLD = b"the old content"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(OLD)
    return path


def assert_untouched(path: Path) -> None:
    assert path.read_bytes() == OLD
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_replaces_and_leaves_nothing_behind(old: Path) -> None:
    write_bytes(old, b"new")
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_several_files_are_written_as_they_are(tmp_path: Path) -> None:
    write_all({tmp_path / "t": b"\xff\r\n", tmp_path / "u": b""})
    assert (tmp_path / "t").read_bytes() == b"\xff\r\n"
    assert (tmp_path / "u").read_bytes() == b""


def test_the_writer_may_seek(tmp_path: Path) -> None:
    def write(stream) -> None:
        stream.write(b"0000end")
        stream.seek(0)
        stream.write(b"head")

    atomic_write(tmp_path / "f", write)
    assert (tmp_path / "f").read_bytes() == b"headend"


def full_disk(*_args) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_a_full_disk_at_any_step(old: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    monkeypatch.setattr(call, full_disk)
    with pytest.raises(FileError, match="the disk is full") as caught:
        write_bytes(old, b"new")
    assert str(caught.value).startswith(str(old))
    monkeypatch.undo()
    assert_untouched(old)


def test_a_full_disk_while_writing(old: Path) -> None:
    with pytest.raises(FileError, match="the disk is full"):
        atomic_write(old, full_disk)
    assert_untouched(old)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_device_that_is_really_full() -> None:
    with pytest.raises(FileError, match="the disk is full"), file_faults("/dev/full"):
        Path("/dev/full").write_bytes(b"x")


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_other_exceptions_pass_and_change_nothing(old: Path, error: BaseException) -> None:
    def write(stream) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)):
        atomic_write(old, write)
    assert_untouched(old)


def test_a_read_only_folder(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's refusal is simulated too, as the superuser is refused nothing."""
    old.parent.chmod(0o500)
    if os.access(old.parent, os.W_OK):

        def refuse(*_args, **_kwargs) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(FileError, match="permission denied"):
        write_bytes(old, b"new")
    old.parent.chmod(0o700)
    assert_untouched(old)


def test_a_missing_folder_and_a_folder_as_target(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        write_bytes(tmp_path / "no" / "file", b"")
    with pytest.raises(FileError, match="this is a folder"):
        write_bytes(tmp_path, b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match="does not exist"):
        write_bytes(tmp_path / "file" / "below", b"")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_names_that_no_file_may_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="name"):
        write_bytes(f"{tmp_path}/{name}", b"")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(old: Path) -> None:
    old.chmod(0o640)
    link = old.parent / "link"
    link.symlink_to(old)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert old.read_bytes() == b"new"
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


@pytest.fixture(params=["pipe", "device", "link to a device"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the path of something that is no file."""
    if request.param == "device":
        return Path("/dev/null")
    path = tmp_path / "special"
    if request.param == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    return path


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes and devices")
def test_what_is_no_file_is_neither_read_nor_replaced(no_file: Path, tmp_path: Path) -> None:
    before = no_file.stat()
    for attempt in (
        lambda: write_bytes(no_file, b"x"),
        lambda: write_all({tmp_path / "other": b"", no_file: b"x"}),
        lambda: check_disk_space(no_file, 1),
        lambda: check_replaceable(no_file),
        lambda: read_limited(no_file, 10),
    ):
        with pytest.raises(FileError, match="pipe or a device") as caught:
            attempt()
        assert str(caught.value).startswith(f"{no_file}: ")
    assert no_file.stat().st_ino == before.st_ino
    assert not (tmp_path / "other").exists()


def test_a_write_protected_file_is_not_replaced(old: Path) -> None:
    """Not even by the superuser, whom the system allows it."""
    old.chmod(0o444)
    for attempt in (lambda: write_bytes(old, b"new"), lambda: check_replaceable(old)):
        with pytest.raises(FileError, match="write-protected"):
            attempt()
    assert_untouched(old)
    assert stat.S_IMODE(old.stat().st_mode) == 0o444
    old.chmod(0o644)
    write_bytes(old, b"new")
    assert old.read_bytes() == b"new"


def test_reading_has_a_limit(old: Path) -> None:
    assert read_limited(old, len(OLD)) == OLD
    with pytest.raises(FileError, match="larger than"):
        read_limited(old, len(OLD) - 1)


def test_faults_take_the_callers_type(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"), file_faults("f", DataError):
        (tmp_path / "absent").open()


def test_a_value_error_of_the_block_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="a bug"), file_faults("f"):
        raise ValueError("a bug")

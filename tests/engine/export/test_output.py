"""Files are written all or not at all, and never over others unless that is wanted."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.errors import ExportError, FileError
from engine.export import write_files

FILES = {"a.h": "one", "a_selftest.c": "two"}
TREE: dict[str, str | bytes] = {"a.h": "größe\n", "src/lib/w.bin": b"\x00\xff\r\n"}


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    paths = write_files(tmp_path / "new" / "folder", FILES)
    assert [path.name for path in paths] == list(FILES)
    assert contents(tmp_path / "new" / "folder") == FILES


def test_the_path_of_a_file_says_the_folder(tmp_path: Path) -> None:
    write_files(tmp_path / "a.h", FILES)
    assert contents(tmp_path) == FILES


def test_the_path_of_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"b\.h is not what is exported"):
        write_files(tmp_path / "b.h", FILES)
    assert contents(tmp_path) == {}


def test_a_folder_may_be_called_like_no_file_although_files_have_no_suffix(tmp_path: Path) -> None:
    write_files(tmp_path / "out", {"LICENSE": "one"})
    assert contents(tmp_path / "out") == {"LICENSE": "one"}


def test_existing_files_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "a_selftest.c").write_text("mine", encoding="utf-8")
    with pytest.raises(ExportError, match=r"a_selftest\.c exists already"):
        write_files(tmp_path, FILES)
    assert contents(tmp_path) == {"a_selftest.c": "mine"}


def test_existing_files_are_replaced_when_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.h").write_text("mine", encoding="utf-8")
    write_files(tmp_path, FILES, overwrite=True)
    assert contents(tmp_path) == FILES


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="file"):
        write_files(tmp_path / "file" / "folder", FILES)


@pytest.mark.parametrize("before", [{}, {"a.h": "old", "a_selftest.c": "older"}, {"a.h": "old"}])
def test_a_disk_that_fills_up_leaves_everything_as_it_was(
    before: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in before.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    original, calls = os.fsync, []

    def fail_on_the_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(os, "fsync", fail_on_the_second)
    with pytest.raises(FileError, match=r"a_selftest\.c: the disk is full"):
        write_files(tmp_path, FILES, overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "in use"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [{}, {"a.h": "old", "a_selftest.c": "older"}, {"a_selftest.c": "older"}])
def test_a_file_that_cannot_be_renamed_leaves_everything_as_it_was(
    before: dict[str, str], error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where another program may have one of the files open."""
    for name, text in before.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    rename = Path.replace

    def fail_on_the_second(self: Path, target: Path) -> Path:
        if Path(target).name == "a_selftest.c" and self.read_bytes() == b"two":
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", fail_on_the_second)
    with pytest.raises((FileError, KeyboardInterrupt)):
        write_files(tmp_path, FILES, overwrite=True)
    assert contents(tmp_path) == before


def test_where_files_cannot_be_linked_they_are_still_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    (tmp_path / "a.h").write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "link", refuse)
    write_files(tmp_path, FILES, overwrite=True)
    assert contents(tmp_path) == FILES


def test_bytes_go_into_subfolders_as_they_are_and_text_as_utf8(tmp_path: Path) -> None:
    paths = write_files(tmp_path, TREE)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == list(TREE)
    assert [path.read_bytes() for path in paths] == ["größe\n".encode(), b"\x00\xff\r\n"]


def test_a_file_in_a_subfolder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    (tmp_path / "src" / "lib" / "w.bin").write_bytes(b"mine")
    with pytest.raises(ExportError, match=r"w\.bin exists already"):
        write_files(tmp_path, TREE)
    assert not (tmp_path / "a.h").exists()
    assert (tmp_path / "src" / "lib" / "w.bin").read_bytes() == b"mine"


def test_a_file_in_place_of_a_subfolder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "src").write_bytes(b"mine")
    with pytest.raises(FileError, match="src"):
        write_files(tmp_path, TREE)
    assert contents(tmp_path) == {"src": "mine"}


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "/a",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "",
        "..",
        "a\\b",
        "C:a",
        "a\0",
        "a\n",
        "a /b",
        "a./b",
        "\ud800",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="would not be in the folder"):
        write_files(tmp_path / "out", {"a.h": "one", name: "two"})
    assert contents(tmp_path) == {}


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "src").symlink_to(tmp_path)
    with pytest.raises(ExportError, match="would not be in the folder"):
        write_files(tmp_path / "out", TREE)
    assert not (tmp_path / "lib").exists()


@pytest.mark.parametrize("files", [{"a.h": "1", "A.h": "2"}, {"src/é.c": "1", "SRC/É.c": "2"}])
def test_names_that_differ_only_in_capitals_are_refused(files: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="differ only in capitals"):
        write_files(tmp_path, files)
    assert contents(tmp_path) == {}


def test_a_link_that_leads_to_itself_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "out")
    with pytest.raises(FileError, match="out"):
        write_files(tmp_path / "out", FILES)

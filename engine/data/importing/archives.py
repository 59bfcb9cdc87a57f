"""Zip and tar files with data in them, unpacked to a temporary folder.

Only plain files and folders inside the archive are taken. Their number and size are limited, by what is read
and not by what the archive declares; a path that leaves the folder is refused.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from engine.data.importing.array_files import is_array_file
from engine.errors import DataError
from engine.files import file_faults, is_file
from engine.temporary import work_folder

__all__ = ["unpacked"]

_MOST_MEMBERS = 1_000_000
_MOST_BYTES = 4 << 30
_PIECE = 1 << 20
Members = Iterator[tuple[str, IO[bytes]]]

_FAULTS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    NotImplementedError,
)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield where the data at `path` are: the folder that an archive was unpacked to, or `path` itself."""
    with _damage_said(path):
        opener = _opener_of(path)
    if opener is None:
        yield _inner(path)
        return
    with work_folder() as folder:
        with _damage_said(path):
            _unpack(opener(path), folder, path)
        yield _inner(folder)


@contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    try:
        with file_faults(path, DataError):
            yield
    except _FAULTS as error:
        raise DataError(path, f"the archive is damaged ({error}); download or copy it again.") from error


def _opener_of(path: Path) -> Callable[[Path], Members] | None:
    if not is_file(path):
        return None
    if zipfile.is_zipfile(path):
        return None if is_array_file(path) else _zip_members
    return _tar_members if tarfile.is_tarfile(path) else None


def _inner(path: Path) -> Path:
    """Return the only folder in `path`, where an archive or a person has put everything one folder deeper."""
    while path.is_dir():
        inside = [entry for entry in path.iterdir() if not entry.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir():
            break
        path = inside[0]
    return path


def _zip_members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, stream


def _tar_members(path: Path) -> Members:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is not None:
                yield member.name, stream


def _unpack(members: Members, folder: Path, path: Path) -> None:
    left = _MOST_BYTES
    for number, (name, stream) in enumerate(members):
        if number >= _MOST_MEMBERS:
            raise DataError(path, f"the archive holds more than {_MOST_MEMBERS:,} files.")
        target = folder / _safe(name, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as written:
            while piece := stream.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise DataError(path, f"the archive unpacks to more than {_MOST_BYTES:,} bytes.")
                written.write(piece)


def _safe(name: str, path: Path) -> PurePosixPath:
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or not inside.parts or ":" in inside.parts[0]:
        raise DataError(
            path, f"the archive has a file {name[:60]!r} outside its own folder; nothing was kept."
        )
    return inside

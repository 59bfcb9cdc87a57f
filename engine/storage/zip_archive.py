"""Zip files of JSON texts and ``.npy`` arrays, which may come from anyone.

Nothing is ever unpickled or written to disk, and nothing that a file says about itself is trusted: reading
stops at a limit that the caller gives, an array must have the expected shape and type, and numbers must be
finite. The same entries always give the same bytes.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.shapes import Shape, describe_shape

__all__ = ["ArchiveFaultError", "array_bytes", "open_archive", "pack", "read_array", "read_json"]

_MAX_HEADER = 1 << 10
_MAX_DIRECTORY = 1 << 20
_MAX_DEPTH = 50
_DATE = (1980, 1, 1, 0, 0, 0)
_END_BYTES, _LOCATOR_BYTES = 22, 20

_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    OverflowError,
    RuntimeError,  # an encrypted entry; a NotImplementedError is one too
)
_HEADER_FAULTS = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, TokenError, UserWarning)


class ArchiveFaultError(Exception):
    """Says what is wrong with the content; the caller knows which file it came from."""


def pack(entries: Iterable[tuple[str, bytes]], limit: int) -> bytes:
    """Return a zip of `entries`, pairs of name and content, whose contents have `limit` bytes at most."""
    stream = io.BytesIO()
    total = 0
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            total += len(data)
            if total > limit:
                raise ArchiveFaultError(f"this is more than the {limit:,} bytes that a file may hold.")
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3  # the same bytes on every system
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return stream.getvalue()


def array_bytes(array: NDArray[np.float32]) -> bytes:
    """Return the content of an ``.npy`` file for a float32 array of any shape."""
    stream = io.BytesIO()
    npy.write_array(stream, np.ascontiguousarray(array, "<f4"), (1, 0), allow_pickle=False)
    return stream.getvalue()


@contextmanager
def _zip_faults() -> Iterator[None]:
    try:
        yield
    except _ZIP_FAULTS as error:
        raise ArchiveFaultError(
            "the file is damaged; take an intact copy or save the model again."
        ) from error


def open_archive(data: bytes, limit: int) -> zipfile.ZipFile:
    """Open a zip in memory; refuse contents of more than `limit` bytes and names that occur twice."""
    _check_directory(data)
    with _zip_faults():
        archive = zipfile.ZipFile(io.BytesIO(data))
    names = archive.namelist()
    if len(set(names)) < len(names):
        raise ArchiveFaultError("an entry occurs twice; the file is damaged or hostile.")
    # No more of an entry is unpacked than the size that it declares.
    if sum(info.file_size for info in archive.infolist()) > limit:
        raise ArchiveFaultError(f"its content is larger than the {limit:,} bytes it may have.")
    return archive


def _check_directory(data: bytes) -> None:
    """Refuse what is not a plain zip before `zipfile` reads the directory, which it does without limit."""
    end = data[-_END_BYTES:]
    if not data.startswith(b"PK") or not end.startswith(b"PK\5\6") or len(end) < _END_BYTES:
        raise ArchiveFaultError("this is not a .tinyml file, or its end is missing; take an intact copy.")
    (directory_bytes,) = struct.unpack_from("<I", end, 12)
    is_zip64 = data[:-_END_BYTES][-_LOCATOR_BYTES:].startswith(b"PK\6\7")
    if directory_bytes > _MAX_DIRECTORY or is_zip64:
        raise ArchiveFaultError(
            "the file's directory is larger than that of any model; it is damaged or hostile."
        )


def _read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in archive.namelist():
        raise ArchiveFaultError(f"{name} is missing; take an intact copy of the file.")
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveFaultError(f"{name} is compressed in an unknown way; save the model again.")
    if info.file_size <= limit:
        with _zip_faults(), archive.open(info) as stream:
            data = stream.read(limit + 1)  # never more, whatever the header says
        if len(data) <= limit:
            return data
    raise ArchiveFaultError(
        f"{name} is larger than the {limit:,} bytes it may have; the file is damaged or hostile."
    )


def read_json(archive: zipfile.ZipFile, name: str, limit: int) -> Any:
    """Return the parsed JSON text `name` of at most `limit` bytes; its values can be written again."""
    data = _read_entry(archive, name, limit)
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        _check_writable(value, _MAX_DEPTH)
        return value
    except (ValueError, RecursionError) as error:
        raise ArchiveFaultError(f"{name} is not valid JSON; take an intact copy of the file.") from error


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _check_writable(value: object, depth: int) -> None:
    """Raise `ValueError` for what can be parsed but not written: infinity (1e999), half a surrogate pair."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(value)
    elif isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("nested too deeply")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_writable(item, depth - 1)


def read_array(archive: zipfile.ZipFile, name: str, shape: Shape) -> NDArray[np.float32]:
    """Return the array `name`, which must be float32, have this shape and hold finite numbers only."""
    count = math.prod(shape)
    stream = io.BytesIO(_read_entry(archive, name, 4 * count + _MAX_HEADER))
    try:
        if npy.read_magic(stream) != (1, 0):
            raise ArchiveFaultError(f"{name} is a .npy of another version than 1.0; save the model again.")
        found, fortran, dtype = npy.read_array_header_1_0(stream, max_header_size=_MAX_HEADER)
    except _HEADER_FAULTS as error:
        raise ArchiveFaultError(f"{name} is not a .npy array; take an intact copy of the file.") from error
    if fortran or dtype != np.dtype("<f4") or found != shape:
        want = describe_shape(shape)
        raise ArchiveFaultError(
            f"{name} does not hold {want} float32 numbers as the network needs; the file is damaged."
        )
    data = stream.read()
    if len(data) != 4 * count:
        raise ArchiveFaultError(
            f"{name} holds {len(data):,} bytes of numbers instead of {4 * count:,}; it is damaged."
        )
    array = np.frombuffer(data, "<f4").reshape(shape)
    if not np.isfinite(array).all():
        raise ArchiveFaultError(
            f"{name} holds numbers that are not finite; the training went wrong, train again."
        )
    return array

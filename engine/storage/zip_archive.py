"""Zip files of JSON texts and ``.npy`` arrays, which may come from anyone.

Nothing is ever unpickled or written to disk, and nothing that a file says about itself is trusted: reading
stops at a limit that the caller gives, an array must have the expected shape and type, and numbers must be
finite. A few kilobytes may not unpack to hundreds of megabytes: trained numbers hardly pack at all, so beyond
a size that does no harm, content may be a few times as large as its file only. Text is limited by the number
of its values too, as each takes far more memory than its characters. The same entries always give the same
bytes.
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
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.npy import MAX_HEADER_BYTES, read_npy_header
from engine.shapes import Shape, describe_shape

__all__ = [
    "ArchiveFaultError",
    "array_bytes",
    "json_bytes",
    "open_archive",
    "pack",
    "read_array",
    "read_entry",
    "read_json",
]

_MAX_DIRECTORY = 1 << 20
_MAX_DEPTH = 50
_MAX_VALUES = 1 << 18  # of a JSON text: a training of 10,000 epochs and as many of fine-tuning have 160,000
_HARMLESS_BYTES = 1 << 25  # that content may have however well it is packed
_MOST_PACKED = 8  # times smaller: a run that has just begun, whose sums are still zeros, is two times smaller
_PIECE = 1 << 20
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


class ArchiveFaultError(Exception):
    """Says what is wrong with the content; the caller knows which file it came from."""


def pack(entries: Iterable[tuple[str, bytes]], limit: int) -> bytes:
    """Return a zip of `entries`, pairs of name and content, whose contents have `limit` bytes at most.

    What could be packed so well that it would be refused when it is read is not packed.
    """
    total = 0
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in entries:
            total += len(data)
            if total > limit:
                raise ArchiveFaultError(f"this is more than the {limit:,} bytes that a file may hold.")
            _write_entry(archive, name, data, zipfile.ZIP_DEFLATED)
    if total <= _most_content(packed.tell()):
        return packed.getvalue()
    plain = io.BytesIO()
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(plain, "w") as archive:
        for name in source.namelist():
            _write_entry(archive, name, source.read(name), zipfile.ZIP_STORED)
    return plain.getvalue()


def _write_entry(archive: zipfile.ZipFile, name: str, data: bytes, compression: int) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = compression
    info.create_system = 3  # the same bytes on every system
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


def _most_content(packed: int) -> int:
    """Return how many bytes a file of `packed` bytes may unpack to."""
    return _HARMLESS_BYTES + _MOST_PACKED * packed


def json_bytes(name: str, value: object, limit: int) -> bytes:
    """Return the content of a JSON file; raise `ArchiveFaultError` where `read_json` would refuse it."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode()
    if len(text) > limit:
        raise ArchiveFaultError(
            f"its {name} would have {len(text):,} bytes, more than the {limit:,} that a file may hold."
        )
    _check_values(name, text)
    return text


def _check_values(name: str, text: bytes) -> None:
    """Refuse a JSON text by what is at least the number of its values, before any is made."""
    values = sum(map(text.count, (b",", b"[", b"{")))
    if values > _MAX_VALUES:
        raise ArchiveFaultError(
            f"its {name} has some {values:,} values, more than the {_MAX_VALUES:,} of any model; "
            "the file is damaged or hostile."
        )


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
    content = sum(info.file_size for info in archive.infolist())
    if content > limit:
        raise ArchiveFaultError(f"its content is larger than the {limit:,} bytes it may have.")
    if content > _most_content(len(data)):
        raise ArchiveFaultError(
            f"its {len(data):,} bytes would become {content:,}, many more than those of a model; "
            "the file is damaged or hostile."
        )
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


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str, limit: int) -> Iterator[IO[bytes]]:
    """Open the entry `name`, which may have `limit` bytes."""
    if name not in archive.namelist():
        raise ArchiveFaultError(f"{name} is missing; take an intact copy of the file.")
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveFaultError(f"{name} is compressed in an unknown way; save the model again.")
    if info.file_size > limit:
        raise ArchiveFaultError(
            f"{name} is larger than the {limit:,} bytes it may have; the file is damaged or hostile."
        )
    with _zip_faults(), archive.open(info) as stream:
        yield stream


def read_json(archive: zipfile.ZipFile, name: str, limit: int) -> Any:
    """Return the parsed JSON text `name` of at most `limit` bytes; its values can be written again."""
    with _entry(archive, name, limit) as stream:
        data = stream.read(limit + 1)  # never more, whatever the header says
    _check_values(name, data)
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


def read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the content of the entry `name`, of at most `limit` bytes."""
    with _entry(archive, name, limit) as stream:
        return stream.read(limit + 1)


def read_array(archive: zipfile.ZipFile, name: str, shape: Shape) -> NDArray[np.float32]:
    """Return the array `name`, which must be float32, have this shape and hold finite numbers only."""
    array = np.empty(shape, "<f4")
    with _entry(archive, name, array.nbytes + MAX_HEADER_BYTES) as stream:
        _check_header(stream, name, shape)
        found = _fill(array.reshape(-1).view(np.uint8).data, stream)
        found += len(stream.read(MAX_HEADER_BYTES))
    if found != array.nbytes:
        raise ArchiveFaultError(
            f"{name} holds {found:,} bytes of numbers instead of {array.nbytes:,}; it is damaged."
        )
    if not np.isfinite(array).all():
        raise ArchiveFaultError(
            f"{name} holds numbers that are not finite; the training went wrong, train again."
        )
    return array


def _check_header(stream: IO[bytes], name: str, shape: Shape) -> None:
    try:
        header = read_npy_header(stream)
    except ValueError as error:
        raise ArchiveFaultError(f"{name} is not a .npy array; take an intact copy of the file.") from error
    if header.version != (1, 0):
        raise ArchiveFaultError(f"{name} is a .npy of another version than 1.0; save the model again.")
    if header.fortran_order or header.dtype != np.dtype("<f4") or header.shape != shape:
        want = describe_shape(shape)
        raise ArchiveFaultError(
            f"{name} does not hold {want} float32 numbers as the network needs; the file is damaged."
        )


def _fill(target: memoryview, stream: IO[bytes]) -> int:
    """Read into `target`, piece by piece, and return the number of bytes that there were."""
    done = 0
    while done < len(target) and (piece := stream.read(min(_PIECE, len(target) - done))):
        target[done : done + len(piece)] = piece
        done += len(piece)
    return done

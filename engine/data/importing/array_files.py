"""NumPy's files: ``.npz`` with images and labels under one of the usual names, and pairs of ``.npy``.

Nothing is unpickled. What an array declares about itself is checked against what its entry in the file holds
before memory is allocated.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.data.importing.found import Found, Part, Progress
from engine.data.importing.labels import read_labels
from engine.data.importing.options import ImportOptions
from engine.data.importing.pixels import arrange, to_bytes
from engine.errors import DataError
from engine.files import file_faults, is_folder, open_file
from engine.npy import read_npy_header

__all__ = ["is_array_file", "read_arrays"]

_ZIP, _NPY = b"PK\x03\x04", npy.MAGIC_PREFIX
_MAX_ARRAY_BYTES = 440 << 20  # 70,000 images of 28 × 28 in float64
_HARMLESS_BYTES = 1 << 26
_MOST_PACKED = 64  # times smaller: images of floats are that well packed, zeros a thousand times
_FAULTS = (
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

_IMAGES = re.compile(r"(x|images?|data|features?|pixels|imgs?|arr_0)")
_LABELS = re.compile(r"(y|labels?|targets?|classes|arr_1)")
_PART = re.compile(r"(?P<part>train|training|test|testing|t10k|val|valid)")
_TRAIN = ("train", "training")


def is_array_file(path: Path) -> bool:
    """Return whether `path` is an NPZ file, or a folder of NPY files."""
    if is_folder(path):
        return any(file.suffix.lower() == ".npy" for file in path.iterdir())
    with file_faults(path, DataError), open_file(path) as stream:
        head = stream.read(len(_NPY))
    return head.startswith(_ZIP) and _holds_only_arrays(path)


def _holds_only_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (*_FAULTS, OSError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_arrays(path: Path, options: ImportOptions, progress: Progress) -> Found:
    """Read the images and labels of each part; see the module."""
    names, opened = _content_of(path)
    parts: dict[str, dict[str, str]] = {}
    for name in names:
        part, what = _role_of(name)
        if what:
            parts.setdefault(part, {})[what] = name
    whole = {part: found for part, found in parts.items() if found.keys() == {"images", "labels"}}
    if "train" not in whole:
        raise DataError(
            path,
            f"no pair of images and labels was found among {', '.join(sorted(names)[:8])}; name them "
            "x_train and y_train, images and labels, or X and y.",
        )
    return Found({part: _part(found, opened, path) for part, found in whole.items()}, _left_out(parts, whole))


def _left_out(parts: Mapping[str, Any], whole: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"The {part} part has only {next(iter(parts[part]))} and was left out."
        for part in parts
        if part not in whole
    )


def _content_of(path: Path) -> tuple[list[str], Any]:
    """Return the names of the arrays, and a function that opens one."""
    if is_folder(path):
        files = {file.stem: file for file in sorted(path.iterdir()) if file.suffix.lower() == ".npy"}
        return list(files), lambda name: _opened_file(files[name])
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    return list(entries), lambda name: _opened_entry(path, entries[name])


@contextmanager
def _opened_file(file: Path) -> Iterator[tuple[IO[bytes], int]]:
    with file_faults(file, DataError), open_file(file) as stream:
        yield stream, file.stat().st_size


@contextmanager
def _opened_entry(path: Path, info: zipfile.ZipInfo) -> Iterator[tuple[IO[bytes], int]]:
    if info.file_size > max(_HARMLESS_BYTES, _MOST_PACKED * info.compress_size):
        raise DataError(path, f"{info.filename} unpacks to {info.file_size:,} bytes, far more than data do.")
    with file_faults(path, DataError), zipfile.ZipFile(path) as archive, archive.open(info) as stream:
        yield stream, info.file_size


def _role_of(name: str) -> tuple[str, str]:
    """Return the part, and whether the array `name` has its "images" or its "labels"; empty if neither."""
    words = re.split(r"[^a-z0-9]+|_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    joined = "_".join(word for word in words if word)
    part = _PART.search(joined)
    rest = joined.replace(part["part"], "").strip("_") if part else joined
    what = "images" if _IMAGES.fullmatch(rest) else "labels" if _LABELS.fullmatch(rest) else ""
    return ("train" if part is None or part["part"] in _TRAIN else "test"), what


def _part(found: Mapping[str, str], opened: Any, path: Path) -> Part:
    arrays = {}
    for what, name in found.items():
        try:
            with opened(name) as (stream, size):
                arrays[what] = _read_array(stream, size)
        except _FAULTS as error:
            raise DataError(path, f"the array {name} cannot be read ({error}).") from error
    labels = read_labels(arrays["labels"], path)
    images = to_bytes(arrange(arrays["images"], path), path)
    if len(images) != len(labels):
        raise DataError(path, f"there are {len(images):,} images but {len(labels):,} labels.")
    return Part(images, labels)


def _read_array(stream: IO[bytes], size: int) -> NDArray[Any]:
    """Read one array; `size` is what the file can hold of it at most."""
    header = read_npy_header(stream)
    if header.dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read; save it as numbers")
    count = math.prod(header.shape) * header.dtype.itemsize
    if count > min(size, _MAX_ARRAY_BYTES):
        raise ValueError(f"it declares {count:,} bytes, more than there are or are accepted")
    array = np.frombuffer(stream.read(count), header.dtype)
    if header.fortran_order:
        return array.reshape(header.shape[::-1]).T
    return array.reshape(header.shape)

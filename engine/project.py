"""A model in a file: ``.tinyml`` is a zip of one JSON text and one ``.npy`` array per parameter.

Such files are passed around, so a loaded one is checked whole before anything of it is used: sizes are
compared with what the network in it needs, nothing is read beyond that whatever a header declares, names must
be the expected ones, numbers must be finite. Nothing is ever unpickled or written to disk. The same model
always gives the same bytes.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from engine.errors import FileError, ProjectError, SpecError
from engine.files import read_limited, write_bytes
from engine.model import Model
from engine.params import ParamLayout, ParamView
from engine.specs import ModelSpec, Shape, describe_shape

__all__ = ["SUFFIX", "VERSION", "from_bytes", "load", "save", "to_bytes"]

SUFFIX = ".tinyml"
VERSION = 1

_FORMAT = "tinyml"
_MAX_PARAMETERS = 1 << 26
_MAX_FILE = 4 * _MAX_PARAMETERS + (1 << 25)
_MAX_JSON = 1 << 24
_MAX_HEADER = 1 << 10
_MAX_DIRECTORY = 1 << 20
_MAX_TEXT = 200
_DESCRIPTION = "model.json"
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


class _FaultError(Exception):
    """What is wrong with the content, before it is known which file it came from."""


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`; an existing file is replaced whole or left as it was.

    Raises
    ------
    FileError
        When the system refuses to write.
    """
    write_bytes(path, to_bytes(model))


def load(path: str | os.PathLike[str]) -> Model:
    """Return the model in the file `path`.

    Raises
    ------
    ProjectError
        When the file cannot be read, is damaged, or holds what no model can have.
    """
    try:
        data = read_limited(path, _MAX_FILE)
    except FileError as error:
        raise ProjectError(error.path, error.reason) from error
    return from_bytes(data, os.fspath(path))


def to_bytes(model: Model) -> bytes:
    """Return the content of `model`'s file; equal models give equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, _DESCRIPTION, _describe(model))
        for view in ParamLayout(model.spec).views:
            _add(archive, _entry(view), _array_bytes(view.of(model.params)))
    return stream.getvalue()


def from_bytes(data: bytes, name: str) -> Model:
    """Return the model whose file has the content `data`; `name` is what errors call the file."""
    try:
        with _open(data) as archive:
            return _read(archive)
    except _FaultError as fault:
        raise ProjectError(name, str(fault)) from fault


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # the same bytes on every system
    info.external_attr = 0o644 << 16
    archive.writestr(info, data)


def _entry(view: ParamView) -> str:
    return f"params/{view.key}.npy"


def _describe(model: Model) -> bytes:
    description = {
        "format": _FORMAT,
        "version": VERSION,
        "name": model.name,
        "classes": list(model.classes),
        "spec": model.spec.to_json(),
        "layout": _layout_json(ParamLayout(model.spec)),
        "record": _finite(model.record),
    }
    return json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _layout_json(layout: ParamLayout) -> list[list[Any]]:
    return [[view.key, list(view.param.shape)] for view in layout.views]


def _finite(value: Any) -> Any:
    """Return a record without NaN and infinity, which JSON has no words for (a diverged run's loss)."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _array_bytes(array: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, np.ascontiguousarray(array, "<f4"), (1, 0), allow_pickle=False)
    return stream.getvalue()


@contextmanager
def _zip_faults() -> Iterator[None]:
    try:
        yield
    except _ZIP_FAULTS as error:
        raise _FaultError("the file is damaged; take an intact copy or save the model again.") from error


def _open(data: bytes) -> zipfile.ZipFile:
    _check_directory(data)
    with _zip_faults():
        return zipfile.ZipFile(io.BytesIO(data))


def _check_directory(data: bytes) -> None:
    """Refuse what is no plain zip before `zipfile` reads its directory, which it does without limit."""
    end = data[-_END_BYTES:]
    if not data.startswith(b"PK") or not end.startswith(b"PK\5\6") or len(end) < _END_BYTES:
        raise _FaultError("this is not a .tinyml file, or its end is missing; take an intact copy.")
    (directory_bytes,) = struct.unpack_from("<I", end, 12)
    is_zip64 = data[:-_END_BYTES][-_LOCATOR_BYTES:].startswith(b"PK\6\7")
    if directory_bytes > _MAX_DIRECTORY or is_zip64:
        raise _FaultError("the file's directory is larger than that of any model; it is damaged or hostile.")


def _read(archive: zipfile.ZipFile) -> Model:
    names = [info.filename for info in archive.infolist()]
    if len(set(names)) < len(names):
        raise _FaultError("an entry occurs twice; the file is damaged or hostile.")
    if _DESCRIPTION not in names:
        raise _FaultError(f"{_DESCRIPTION} is missing; this is not a .tinyml file.")
    description = _parse_json(_read_entry(archive, _DESCRIPTION, _MAX_JSON))
    _check_version(description)
    spec, layout = _network(description)
    _check_entries(names, layout)
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(params)[...] = _read_array(archive, _entry(view), view.param.shape)
    return _assemble(description, spec, params)


def _read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _FaultError(f"{name} is compressed in an unknown way; save the model again.")
    if info.file_size <= limit:
        with _zip_faults(), archive.open(info) as stream:
            data = stream.read(limit + 1)  # never more, whatever the header says
        if len(data) <= limit:
            return data
    raise _FaultError(
        f"{name} is larger than the {limit:,} bytes it may have; the file is damaged or hostile."
    )


def _parse_json(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _FaultError(f"{_DESCRIPTION} is not valid JSON; take an intact copy of the file.") from error
    if not isinstance(value, Mapping) or value.get("format") != _FORMAT:
        raise _FaultError(f'{_DESCRIPTION} does not say "format": "{_FORMAT}"; this is not a .tinyml file.')
    return value


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _check_version(description: Mapping[str, Any]) -> None:
    version = description.get("version")
    if type(version) is not int or version < 1:
        raise _FaultError(f"the format version is {_short(version)} but must be a whole number from 1 on.")
    if version > VERSION:
        raise _FaultError(
            f"the file was made by a newer version of this application (format {_short(version)}, "
            f"this one reads up to {VERSION}); update the application."
        )


def _network(description: Mapping[str, Any]) -> tuple[ModelSpec, ParamLayout]:
    try:
        spec = ModelSpec.from_json(description.get("spec"))
        parameters = spec.parameters
    except SpecError as error:
        raise _FaultError(f"the network in it cannot be built: {_short(str(error))}") from error
    except (TypeError, OverflowError) as error:
        raise _FaultError("the network in it cannot be built: a value is absurd.") from error
    if parameters > _MAX_PARAMETERS:
        raise _FaultError(
            f"the network in it has {parameters:,} parameters; at most {_MAX_PARAMETERS:,} are read."
        )
    layout = ParamLayout(spec)
    if description.get("layout") != _layout_json(layout):
        raise _FaultError("the list of parameters does not match the network; the file is damaged.")
    return spec, layout


def _check_entries(names: list[str], layout: ParamLayout) -> None:
    expected = {_DESCRIPTION, *(_entry(view) for view in layout.views)}
    for name in sorted(set(names) - expected):
        raise _FaultError(
            f"it holds {_short(name)}, which does not belong into a model; the file is damaged or hostile."
        )
    for name in sorted(expected - set(names)):
        raise _FaultError(f"{name} is missing; take an intact copy of the file.")


def _read_array(archive: zipfile.ZipFile, name: str, shape: Shape) -> NDArray[np.float32]:
    count = math.prod(shape)
    stream = io.BytesIO(_read_entry(archive, name, 4 * count + _MAX_HEADER))
    try:
        if npy.read_magic(stream) != (1, 0):
            raise _FaultError(f"{name} is a .npy of another version than 1.0; save the model again.")
        found, fortran, dtype = npy.read_array_header_1_0(stream, max_header_size=_MAX_HEADER)
    except _HEADER_FAULTS as error:
        raise _FaultError(f"{name} is not a .npy array; take an intact copy of the file.") from error
    if fortran or dtype != np.dtype("<f4") or found != shape:
        want = describe_shape(shape)
        raise _FaultError(
            f"{name} does not hold {want} float32 numbers as the network needs; the file is damaged."
        )
    data = stream.read()
    if len(data) != 4 * count:
        raise _FaultError(
            f"{name} holds {len(data):,} bytes of numbers instead of {4 * count:,}; it is damaged."
        )
    array = np.frombuffer(data, "<f4").reshape(shape)
    if not np.isfinite(array).all():
        raise _FaultError(f"{name} holds numbers that are not finite; the training went wrong, train again.")
    return array


def _assemble(description: Mapping[str, Any], spec: ModelSpec, params: NDArray[np.float32]) -> Model:
    name, classes, record = (description.get(key) for key in ("name", "classes", "record"))
    if not _is_text(name):
        raise _FaultError(f"the model's name must be a text of at most {_MAX_TEXT} characters.")
    if not isinstance(classes, list) or not all(_is_text(c) for c in classes):
        raise _FaultError(f"the classes must be a list of texts of at most {_MAX_TEXT} characters.")
    if not isinstance(record, dict):
        raise _FaultError("the record of the training must be a JSON object.")
    try:
        return Model(spec, params, tuple(classes), str(name), record)
    except SpecError as error:
        raise _FaultError(str(error)) from error


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT and not _has_surrogate(value)


def _has_surrogate(text: str) -> bool:
    """Whether `text` holds half a character, as JSON escapes can: no file or window takes it."""
    return any("\ud800" <= c <= "\udfff" for c in text)


def _short(value: object) -> str:
    text = str(value)
    printable = "".join(c if c.isprintable() else "�" for c in text[:_MAX_TEXT])
    return printable + ("…" if len(text) > _MAX_TEXT else "")

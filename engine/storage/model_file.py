"""A model in a file: ``.tinyml`` is a zip of one JSON text and one ``.npy`` array per parameter.

People send such files to each other, so a file is checked completely before any of it is used: sizes must be
those that its network needs, names must be the expected ones (`engine.storage.zip_archive` does the rest).
The same model always gives the same bytes.

A file may also hold the checkpoint of an interrupted run, under ``run/``. Loading the model ignores it;
training goes on from it.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import FieldError, FileError, ProjectError, QuantizationError, SpecError, TinyMLError
from engine.files import read_limited, write_bytes
from engine.int8.certainty import Certainty
from engine.int8.ranges import Quantization
from engine.nn.model import Model
from engine.nn.param_layout import ParamLayout, ParamView
from engine.nn.spec_json import spec_from_json
from engine.nn.specs import ModelSpec
from engine.record import TrainingRecord
from engine.storage.zip_archive import (
    ArchiveFaultError,
    array_bytes,
    json_bytes,
    open_archive,
    pack,
    read_array,
    read_json,
)
from engine.training.checkpoint import Checkpoint
from engine.words import is_text, short

__all__ = ["SUFFIX", "VERSION", "from_bytes", "load", "load_run", "save", "to_bytes"]

SUFFIX = ".tinyml"
VERSION = 2
"""The newest format that is read: 1, or 2 for a network that another program quantized."""

_FORMAT = "tinyml"
_MAX_BYTES = 1 << 29  # of a file, and of what is packed in it
_MAX_JSON = 1 << 23  # bytes: a history of 10,000 epochs has three million
_DESCRIPTION = "model.json"
_RUN = "run/run.json"


def save(model: Model, path: str | os.PathLike[str], run: Checkpoint | None = None) -> None:
    """Write `model`, and the interrupted `run` if given, to `path`.

    An existing file is replaced whole or left as it was.

    Raises
    ------
    FileError
        When the system refuses to write, or the content is too large to be read again.
    """
    write_bytes(path, to_bytes(model, run))


def load(path: str | os.PathLike[str]) -> Model:
    """Return the model in the file `path`.

    Raises
    ------
    ProjectError
        When the file cannot be read, is damaged, or holds what no model can have.
    """
    return from_bytes(_read_file(path), os.fspath(path))


def load_run(path: str | os.PathLike[str]) -> tuple[Model, Checkpoint | None]:
    """Return the model in the file `path` and the interrupted run in it, if there is one.

    Raises
    ------
    ProjectError
        As `load`.
    """
    return _from_bytes(_read_file(path), os.fspath(path))


def to_bytes(model: Model, run: Checkpoint | None = None) -> bytes:
    """Return the content of `model`'s file; equal models give equal bytes."""
    try:
        return pack(_entries(model, run), _MAX_BYTES)
    except ArchiveFaultError as fault:
        raise ProjectError(model.name, str(fault)) from fault


def from_bytes(data: bytes, name: str) -> Model:
    """Return the model in `data`, the content of a file; errors call the file `name`."""
    return _from_bytes(data, name)[0]


def _read_file(path: str | os.PathLike[str]) -> bytes:
    try:
        return read_limited(path, _MAX_BYTES)
    except FileError as error:
        raise ProjectError(error.path, error.reason) from error


def _from_bytes(data: bytes, name: str) -> tuple[Model, Checkpoint | None]:
    try:
        with open_archive(data, _MAX_BYTES) as archive:
            return _read(archive)
    except ArchiveFaultError as fault:
        raise ProjectError(name, str(fault)) from fault


def _entries(model: Model, run: Checkpoint | None) -> Iterator[tuple[str, bytes]]:
    yield _DESCRIPTION, _describe(model)
    for view in ParamLayout(model.spec).views:
        yield _entry(view), array_bytes(view.of(model.params))
    if run is not None:
        yield _RUN, json_bytes(_RUN, run.to_json(), _MAX_JSON)
        for name, vector in run.vectors.items():
            yield _vector(name), array_bytes(vector)


def _entry(view: ParamView) -> str:
    return f"params/{view.key}.npy"


def _vector(name: str) -> str:
    return f"run/{name}.npy"


def _describe(model: Model) -> bytes:
    description: dict[str, Any] = {
        "format": _FORMAT,
        "version": _version(model),
        "name": model.name,
        "classes": list(model.classes),
        "spec": model.spec.to_json(),
        "layout": _layout_json(ParamLayout(model.spec)),
        "record": model.record.to_json(),
    }
    if model.quantization is not None:  # programs from before quantization ignore it
        description["quantization"] = model.quantization.to_json()
    if model.certainty is not None:  # so do programs from before it
        description["certainty"] = model.certainty.to_json()
    return json_bytes(_DESCRIPTION, description, _MAX_JSON)


def _version(model: Model) -> int:
    """Return the oldest format that can hold `model`, so that earlier programs read all that they can."""
    return 2 if model.quantization is not None and model.quantization.given else 1


def _layout_json(layout: ParamLayout) -> list[list[Any]]:
    return [[view.key, list(view.param.shape)] for view in layout.views]


def _read(archive: zipfile.ZipFile) -> tuple[Model, Checkpoint | None]:
    names = archive.namelist()
    description = read_json(archive, _DESCRIPTION, _MAX_JSON)
    _check_version(description)
    spec, layout = _network(description)
    run = _read_run(archive, layout) if _RUN in names else None
    _check_entries(names, layout, run)
    params = np.empty(layout.size, np.float32)
    for view in layout.views:
        view.of(params)[...] = read_array(archive, _entry(view), view.param.shape)
    params.setflags(write=False)  # so that the model need not copy it
    return _assemble(description, spec, params), run


def _read_run(archive: zipfile.ZipFile, layout: ParamLayout) -> Checkpoint:
    facts = read_json(archive, _RUN, _MAX_JSON)
    try:
        shapes = Checkpoint.vector_shapes(facts, layout)
        vectors = {name: read_array(archive, _vector(name), shape) for name, shape in shapes.items()}
        return Checkpoint.from_json(facts, vectors)
    except TinyMLError as error:
        raise ArchiveFaultError(f"the interrupted run in it cannot be used: {short(error)}") from error


def _check_version(description: object) -> None:
    if not isinstance(description, Mapping) or description.get("format") != _FORMAT:
        raise ArchiveFaultError(
            f'{_DESCRIPTION} does not say "format": "{_FORMAT}"; this is not a .tinyml file.'
        )
    version = description.get("version")
    if type(version) is not int or version < 1:
        raise ArchiveFaultError(
            f"the format version is {short(version)} but must be a whole number from 1 on."
        )
    if version > VERSION:
        raise ArchiveFaultError(
            f"the file was made by a newer version of this application (format {short(version)}, "
            f"this one reads up to {VERSION}); update the application."
        )


def _network(description: Mapping[str, Any]) -> tuple[ModelSpec, ParamLayout]:
    try:
        spec = spec_from_json(description.get("spec"))
        layout = ParamLayout(spec)
    except SpecError as error:
        raise ArchiveFaultError(f"the network in it cannot be built: {short(str(error))}") from error
    if description.get("layout") != _layout_json(layout):
        raise ArchiveFaultError("the list of parameters does not match the network; the file is damaged.")
    return spec, layout


def _check_entries(names: list[str], layout: ParamLayout, run: Checkpoint | None) -> None:
    expected = {_DESCRIPTION, *(_entry(view) for view in layout.views)}
    if run is not None:
        expected |= {_RUN, *(_vector(name) for name in run.vectors)}
    for name in sorted(set(names) - expected):
        raise ArchiveFaultError(
            f"it holds {short(name)}, which does not belong into a model; the file is damaged or hostile."
        )


def _assemble(description: Mapping[str, Any], spec: ModelSpec, params: NDArray[np.float32]) -> Model:
    name, classes, record = (description.get(key) for key in ("name", "classes", "record"))
    if not is_text(name):
        raise ArchiveFaultError("the model's name must be a text of at most 200 characters.")
    if not isinstance(classes, list) or not all(is_text(c) for c in classes):
        raise ArchiveFaultError("the classes must be a list of texts of at most 200 characters.")
    if not isinstance(record, dict):
        raise ArchiveFaultError("the record of the training must be a JSON object.")
    try:
        return Model(
            spec,
            params,
            tuple(classes),
            str(name),
            TrainingRecord.from_json(record),
            _quantization(description),
            _certainty(description),
        )
    except SpecError as error:
        raise ArchiveFaultError(str(error)) from error


def _quantization(description: Mapping[str, Any]) -> Quantization | None:
    value = description.get("quantization")
    try:
        return None if value is None else Quantization.from_json(value)
    except QuantizationError as error:
        raise ArchiveFaultError(f"the quantization in it cannot be used: {short(error)}") from error


def _certainty(description: Mapping[str, Any]) -> Certainty | None:
    value = description.get("certainty")
    try:
        return None if value is None else Certainty.from_json(value)
    except FieldError as error:
        raise ArchiveFaultError(f"the calibration in it cannot be used: {short(str(error))}") from error

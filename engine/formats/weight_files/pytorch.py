"""Read PyTorch's state dicts: safetensors, NPZ, and ``.pt`` files where PyTorch is installed.

Nothing is ever unpickled by Python's own machinery: a ``.pt`` file is read by PyTorch's loader for weights
only, which knows tensors and containers and refuses everything else.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import FileError
from engine.extras import require
from engine.files import read_limited
from engine.formats.reader import Imported, Reader, ReadOptions
from engine.formats.weight_files.conventions import PYTORCH
from engine.formats.weight_files.decoding import MAX_BYTES, Budget, decoding, first_entry
from engine.formats.weight_files.matching import WEIGHTS_TAKE, Arrays, filled, natural
from engine.npy import read_npy_header
from engine.storage.zip_archive import ArchiveFaultError, open_archive, read_entry

__all__ = ["NPZ", "PT", "SAFETENSORS"]

_MAX_HEADER: Final = 1 << 20
_NPY: Final = ".npy"
_BFLOAT16: Final = "BF16"
_DTYPES: Final = {"F64": "<f8", "F32": "<f4", "F16": "<f2", _BFLOAT16: "<u2", "I64": "<i8", "I32": "<i4"}
_OLD_MAGIC: Final = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PT_ENTRIES: Final = ("/data.pkl", "/.format_version", "/.storage_alignment", "/byteorder", "/version")
_WRAPPED: Final = ("state_dict", "model_state_dict", "model")


def _is_safetensors(head: bytes) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= _MAX_HEADER


def _read_safetensors(path: Path) -> Arrays:
    data = read_limited(path, MAX_BYTES)
    length = int.from_bytes(data[:8], "little")
    if length > min(_MAX_HEADER, len(data) - 8):
        raise FileError(path, "the list of its tensors is longer than the file; take an intact copy.")
    with decoding(path):
        listed = json.loads(data[8 : 8 + length])
        listed.pop("__metadata__", None)
        budget, body = Budget(path), memoryview(data)[8 + length :]
        return {name: _tensor(path, name, listed[name], body, budget) for name in natural(list(listed))}


def _tensor(
    path: Path, name: str, facts: Mapping[str, Any], body: memoryview, budget: Budget
) -> NDArray[Any]:
    """Return one tensor of a safetensors file."""
    kind, shape, (start, stop) = facts["dtype"], tuple(facts["shape"]), facts["data_offsets"]
    if kind not in _DTYPES:
        raise FileError(path, f"{name} has numbers of the type {kind}; save the weights as float32.")
    dtype = np.dtype(_DTYPES[kind])
    budget.take(shape, dtype.itemsize)
    if min(shape, default=0) < 0 or not 0 <= start <= stop <= len(body):
        raise ValueError(shape, start, stop)
    values = np.frombuffer(body[start:stop], dtype).reshape(shape)
    return (values.astype(np.uint32) << 16).view(np.float32) if kind == _BFLOAT16 else values


def _is_npz(head: bytes) -> bool:
    return first_entry(head).endswith(_NPY)


def _read_npz(path: Path) -> Arrays:
    try:
        archive = open_archive(read_limited(path, MAX_BYTES), MAX_BYTES)
        entries = {info.filename: info.file_size for info in archive.infolist()}
        return {name.removesuffix(_NPY): _npy(path, archive, name, n) for name, n in entries.items()}
    except ArchiveFaultError as fault:
        raise FileError(path, str(fault)) from fault


def _npy(path: Path, archive: zipfile.ZipFile, name: str, length: int) -> NDArray[Any]:
    """Return one array of an NPZ file."""
    stream = io.BytesIO(read_entry(archive, name, length))
    with decoding(path):
        header = read_npy_header(stream)
        if header.dtype.kind not in "fiu":
            raise FileError(path, f"{name} holds no numbers; save the weights as float32.")
        values = np.frombuffer(stream.read(), header.dtype)
        return values.reshape(header.shape, order="F" if header.fortran_order else "C")


def _is_pt(head: bytes) -> bool:
    return head.startswith(_OLD_MAGIC) or first_entry(head).endswith(_PT_ENTRIES)


def _read_pt(path: Path) -> Arrays:
    torch = require("torch", "torch", "Files of PyTorch (.pt)")
    data = read_limited(path, MAX_BYTES)
    with decoding(path):
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        for key in _WRAPPED:
            found = found[key] if isinstance(found.get(key), Mapping) else found
        budget = Budget(path)
        return {str(name): _array(tensor, budget) for name, tensor in found.items()}


def _array(tensor: Any, budget: Budget) -> NDArray[Any]:
    """Return a tensor as an array; a tensor may claim to be larger than what is stored of it."""
    budget.take(tuple(tensor.shape), 8)
    values: NDArray[Any] = tensor.detach().double().contiguous().numpy()
    return values


def _reader(arrays: Callable[[Path], Arrays]) -> Callable[[Path, ReadOptions], Imported]:
    return lambda path, options: filled(path, arrays(path), PYTORCH, options)


SAFETENSORS = Reader(
    "safetensors",
    "PyTorch weights in safetensors",
    "a state_dict, for a network that is named",
    (".safetensors",),
    _is_safetensors,
    _reader(_read_safetensors),
    takes=WEIGHTS_TAKE,
    weights_only=True,
)
NPZ = Reader(
    "npz",
    "PyTorch weights in NPZ",
    "a state_dict as NumPy arrays, for a network that is named",
    (".npz",),
    _is_npz,
    _reader(_read_npz),
    takes=WEIGHTS_TAKE,
    weights_only=True,
)
PT = Reader(
    "pt",
    "PyTorch weights in .pt",
    "a state_dict, for a network that is named; needs PyTorch",
    (".pt", ".pth"),
    _is_pt,
    _reader(_read_pt),
    takes=WEIGHTS_TAKE,
    weights_only=True,
)

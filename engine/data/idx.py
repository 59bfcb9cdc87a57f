"""IDX, the format of MNIST and EMNIST: a four-byte magic, the dimensions, then the bytes.

The magic is ``00 00 type rank``; type 8 is unsigned byte, the only one that these data sets use. The
dimensions follow as big-endian 32-bit numbers. Files are plain or compressed with gzip. The first bytes tell
which, because file names can be wrong. The size that the header declares is checked against limits before
memory is allocated, and at most one byte more than declared is unpacked.

Source: http://yann.lecun.com/exdb/mnist/ (file formats), kept by many mirrors.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.files import file_faults, open_file

__all__ = ["MAX_BYTES", "MAX_SIDE", "idx_shape", "read_idx", "read_idx_stream", "set_upright", "write_idx"]

MAX_BYTES = 1 << 30
"""Most pixels or labels accepted from one file."""
MAX_SIDE = 1024
"""Most rows or columns of an image."""

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 8
_RANKS = {1: "labels", 3: "images", 4: "colour images"}
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str], rank: int) -> NDArray[np.uint8]:
    """Read the IDX file at `path`, plain or gzip.

    Parameters
    ----------
    path : path-like
    rank : int
        1 for labels, 3 for images, 4 for colour images.

    Returns
    -------
    ndarray of uint8, shape (n,), (n, rows, columns) or (n, rows, columns, channels), contiguous and writable

    Raises
    ------
    DataError
        For anything but a complete, plausible IDX file of this rank.
    """
    with file_faults(path, DataError), open_file(path) as stream:
        return read_idx_stream(stream, os.fspath(path), rank)


def read_idx_stream(stream: BinaryIO, name: str, rank: int) -> NDArray[np.uint8]:
    """Read IDX from a seekable binary stream; `name` is for error messages. See `read_idx`."""
    with _unpacked(stream, name) as content:
        shape = _read_header(content, name, rank)
        data = np.empty(math.prod(shape), dtype=np.uint8)
        _fill(content, data, name)
        if content.read(1):
            raise DataError(
                name, f"there is more data after the {len(data):,} bytes that the header declares."
            )
    return data.reshape(shape)


def idx_shape(path: str | os.PathLike[str], rank: int) -> tuple[int, ...]:
    """Return the shape that the header of the IDX file declares, without reading what follows."""
    name = os.fspath(path)
    with (
        file_faults(path, DataError),
        open_file(path) as stream,
        _unpacked(stream, name) as content,
    ):
        return _read_header(content, name, rank)


def write_idx(stream: BinaryIO, array: NDArray[np.uint8]) -> None:
    """Write `array`, labels (n,) or images (n, rows, columns[, channels]), as uncompressed IDX."""
    if array.dtype != np.uint8 or array.ndim not in _RANKS:
        raise ValueError(
            f"IDX labels or images are uint8 of rank 1, 3 or 4, got {array.dtype} of {array.ndim}"
        )
    stream.write(struct.pack(f">HBB{array.ndim}I", 0, _UNSIGNED_BYTE, array.ndim, *array.shape))
    stream.write(array.tobytes())


def set_upright(images: NDArray[np.uint8]) -> None:
    """Swap rows and columns of square images, shape (n, side, side), in place.

    EMNIST files are stored transposed. Works in blocks, so that 90,000 images need no second copy.
    """
    if images.shape[1] != images.shape[2]:
        raise ValueError(f"only square images can be transposed in place, got {images.shape[1:]}")
    for start in range(0, len(images), 1024):
        block = images[start : start + 1024]
        block[...] = block.transpose(0, 2, 1).copy()


@contextmanager
def _unpacked(stream: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Yield the stream's content, through gzip if it is packed; damage becomes `DataError`."""
    packed = stream.read(2) == _GZIP_MAGIC
    stream.seek(0)
    try:
        yield cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if packed else stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            name, "the gzip file is damaged or was cut short; download or copy it again."
        ) from error


def _read_header(content: BinaryIO, name: str, rank: int) -> tuple[int, ...]:
    size = 4 + 4 * rank
    header = content.read(size)
    if header[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise DataError(name, "this is not an IDX file of bytes (its first bytes are not 00 00 08).")
    if header[3:4] != bytes([rank]):
        held = _RANKS.get(int.from_bytes(header[3:4], "big"), "something else")
        raise DataError(name, f"an IDX file with {_RANKS[rank]} was expected, but this one holds {held}.")
    if len(header) < size:
        raise DataError(name, "the file ends inside its header; download or copy it again.")
    shape = struct.unpack(f">{rank}I", header[4:])
    _check_shape(shape, name)
    return shape


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    text = " × ".join(f"{side:,}" for side in shape)
    if 0 in shape:
        raise DataError(name, f"the header declares {text} bytes, which is nothing; the file is empty.")
    if math.prod(shape) > MAX_BYTES or max(shape[1:], default=1) > MAX_SIDE:
        raise DataError(
            name,
            f"the header declares {text} bytes; at most {MAX_BYTES:,} in images of up to "
            f"{MAX_SIDE} × {MAX_SIDE} are accepted.",
        )


def _fill(content: BinaryIO, data: NDArray[np.uint8], name: str) -> None:
    """Fill `data` in pieces: memory is used only as bytes arrive, even if too large a size was declared."""
    position = 0
    while position < len(data):
        chunk = content.read(min(_CHUNK, len(data) - position))
        if not chunk:
            raise DataError(
                name,
                f"the file ends after {position:,} of the {len(data):,} bytes that its header declares; "
                "download or copy it again.",
            )
        data[position : position + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        position += len(chunk)

"""Download data sets: a file is unpacked, compared with the SHA-256 of its content, and only then saved.

Mirrors compress the same file in different ways, so a digest of the compressed file would refuse good copies.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from engine.errors import DataError
from engine.files import file_faults, is_file, write_bytes

__all__ = ["RemoteFile", "fetch"]

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class RemoteFile:
    """One gzip file on a mirror.

    Attributes
    ----------
    url : str
    name : str
        File name on this computer.
    sha256 : str
        Digest of the unpacked content, as hex digits.
    size : int
        Bytes of the unpacked content.
    """

    url: str
    name: str
    sha256: str
    size: int


def fetch(files: Sequence[RemoteFile], folder: Path) -> Iterator[tuple[int, int]]:
    """Download and unpack `files` into `folder`. Those that are there with the published content are kept.

    Yields
    ------
    (int, int)
        Bytes so far, and all bytes.

    Raises
    ------
    DataError
        If the network fails, or the content is not the published one.
    FileError
        If a file cannot be written.
    """
    total = sum(file.size for file in files)
    done = 0
    with file_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        target = folder / file.name
        if not _is_there(target, file):
            content = bytearray()
            for chunk in _chunks(file):
                content += chunk
                yield done + len(content), total
            _check(file, content)
            write_bytes(target, bytes(content))
        done += file.size
        yield done, total


def _is_there(path: Path, file: RemoteFile) -> bool:
    """Return whether `path` has the published content; its size alone says nothing of damage within."""
    if not is_file(path):
        return False
    with file_faults(path), path.open("rb") as stream:
        return os.fstat(stream.fileno()).st_size == file.size and (
            hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        )


def _chunks(file: RemoteFile) -> Iterator[bytes]:
    """Yield the unpacked content in pieces; stop at most one piece after the published size."""
    # Imported here because these modules take 30 ms, and most runs download nothing.
    import http.client
    import urllib.error
    import urllib.request

    read = 0
    try:
        with urllib.request.urlopen(file.url, timeout=_TIMEOUT_SECONDS) as response:
            content = gzip.GzipFile(fileobj=cast("BinaryIO", response))
            while read <= file.size and (chunk := content.read(_CHUNK)):
                read += len(chunk)
                yield chunk
    except urllib.error.URLError as error:
        reason = f"the download failed ({error.reason}); check the network and try again."
        raise DataError(file.url, reason) from error
    except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
        raise DataError(file.url, "the download broke off or is damaged; try again.") from error


def _check(file: RemoteFile, content: bytearray) -> None:
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(file.url, "this is not the published file (its SHA-256 differs); nothing was kept.")

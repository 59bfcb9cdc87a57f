"""Picture files from anyone are decoded within a limit of memory.

What a decoder takes depends on the kind of file, not on its size: a few kilobytes of PNG may be 49 million
pixels, a JPEG can be decoded at an eighth of its size, WebP needs four times the memory of PNG. So the need
is computed for each kind from the header, and what would need too much is refused before it is decoded.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO

from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, TiffImagePlugin, UnidentifiedImageError

from engine.data.grey import to_grey
from engine.errors import DataError
from engine.files import file_faults, open_file

__all__ = ["FORMATS", "MAX_BYTES", "read_grey"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow's names of the formats that are read; other decoders are not used, for safety."""
MAX_BYTES = 200_000_000
"""Most that decoding may need: 50 million pixels in colour, 100 million grey ones of 16 bits."""

_MAX_WEBP_BYTES = 1 << 26  # Pillow reads such files whole before it tells their size
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # else 4
_WEBP_BUFFERS = 12  # bytes a pixel: two canvases and a copy
_COEFFICIENT_BYTES = 2
_EXIF = b"Exif\0\0"
_MAX_THUMBNAIL = 512
_LARGE = 4_000_000  # pixels from which on a rough view comes clearly earlier
_UPRIGHT: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODER_FAULTS = (  # what Pillow's decoders are known to raise on damaged input
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
)


def read_grey(
    path: str | os.PathLike[str], side: int, rough: Callable[[Image.Image], None] | None = None
) -> Image.Image:
    """Decode the first picture in the file `path` as greyscale ("L" or "LA"), upright, at most `side` long.

    Parameters
    ----------
    path : path-like
    side : int
    rough : callable, optional
        ``rough(image)`` is called with what there is to see of a large picture before it is ready: the small
        picture that cameras store in their files, every n-th pixel once it is decoded.

    Raises
    ------
    DataError
        When the file is missing, not an image, damaged or too large.
    """
    with file_faults(path, DataError), open_file(path) as stream, _decoder_faults(path):
        _check_webp(stream, path)
        with Image.open(stream, formats=FORMATS) as image:
            if rough is not None and (small := _stored_thumbnail(image)) is not None:
                rough(_upright(to_grey(small, side), image))
            _decode_within_limit(image, side, path)
            if rough is not None and image.width * image.height > _LARGE:
                rough(_upright(to_grey(_every_nth_pixel(image), side), image))
            return _upright(to_grey(image, side), image)


@contextmanager
def _decoder_faults(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what decoders raise into one sentence."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except Image.DecompressionBombError as error:
        raise DataError(path, "the image has far too many pixels; save it smaller.") from error
    except UnidentifiedImageError as error:
        raise _damaged(path, "this is not an image that can be read") from error
    except _DECODER_FAULTS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk is at fault, not the image
        raise _damaged(path, "the image is damaged") from error


def _damaged(path: str | os.PathLike[str], fault: str) -> DataError:
    return DataError(path, f"{fault}; use a PNG, JPEG, BMP or GIF file.")


def _upright(grey: Image.Image, image: Image.Image) -> Image.Image:
    """Apply the rotation that a camera stored with `image`."""
    turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return grey if turn is None else grey.transpose(turn)


def _stored_thumbnail(image: ImageFile.ImageFile) -> Image.Image | None:
    """Return the small picture that a camera stored in a JPEG file; None where there is none."""
    exif = image.info.get("exif", b"")
    if image.format != "JPEG" or not exif.startswith(_EXIF):
        return None
    with suppress(*_DECODER_FAULTS):  # the picture itself may be whole
        where = image.getexif().get_ifd(ExifTags.IFD.IFD1)
        start = len(_EXIF) + where[ExifTags.Base.JpegIFOffset]
        stored = exif[start : start + where[ExifTags.Base.JpegIFByteCount]]
        with Image.open(io.BytesIO(stored), formats=("JPEG",)) as small:
            if max(small.size) <= _MAX_THUMBNAIL:
                small.load()
                return small
    return None


def _every_nth_pixel(image: Image.Image) -> Image.Image:
    step = max(1, max(image.size) // _MAX_THUMBNAIL)
    return image.resize((max(1, image.width // step), max(1, image.height // step)), Image.Resampling.NEAREST)


def _check_webp(stream: BinaryIO, path: str | os.PathLike[str]) -> None:
    """Refuse a very large WebP file, which Pillow would read whole before it tells the picture's size."""
    head = stream.read(12)
    stream.seek(0)
    if head.endswith(b"WEBP") and os.fstat(stream.fileno()).st_size > _MAX_WEBP_BYTES:
        raise DataError(path, f"a WebP file may have {_MAX_WEBP_BYTES:,} bytes at most; save it smaller.")


def _decode_within_limit(image: ImageFile.ImageFile, side: int, path: str | os.PathLike[str]) -> None:
    """Decode `image`, a JPEG near the size that is asked for; refuse what would take too much memory."""
    need = _CODEC_NEEDS.get(image.format or "", _nothing)(image)
    longer = max(image.size)
    image.draft("L", (image.width * side // longer, image.height * side // longer))
    need += _canvas_bytes(image)
    if need > MAX_BYTES:
        raise DataError(
            path,
            f"the image would take {need // 1_000_000:,} MB to decode, and at most {MAX_BYTES // 1_000_000} "
            "are allowed; save it smaller, or as a plain PNG or JPEG file.",
        )
    image.load()


def _canvas_bytes(image: ImageFile.ImageFile) -> int:
    return image.width * image.height * _PIXEL_BYTES.get(image.mode, 4)


def _nothing(image: ImageFile.ImageFile) -> int:
    return 0


def _jpeg_need(image: ImageFile.ImageFile) -> int:
    """Return the bytes of all coefficients, which are kept where a picture comes in several scans."""
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    if _has_one_scan(image):
        return 0
    across, down = max(layer[1] for layer in image.layer), max(layer[2] for layer in image.layer)
    samples = sum(layer[1] * layer[2] for layer in image.layer) / (across * down)
    return int(image.width * image.height * samples * _COEFFICIENT_BYTES)


def _has_one_scan(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Return whether the first scan, whose header was read last, has all layers and full precision."""
    assert image.fp is not None
    head = 8 + 2 * image.layers
    image.fp.seek(-head, os.SEEK_CUR)
    scan = image.fp.read(head)
    is_header = scan[:5] == struct.pack(">HHB", 0xFFDA, head - 2, image.layers)
    return is_header and "progressive" not in image.info


def _webp_need(image: ImageFile.ImageFile) -> int:
    return image.width * image.height * _WEBP_BUFFERS


def _tiff_need(image: ImageFile.ImageFile) -> int:
    """Return the bytes of one unpacked strip or tile, and of the turned copy that Pillow makes."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    tags = image.tag_v2
    turned = _canvas_bytes(image) if tags.get(ExifTags.Base.Orientation, 1) != 1 else 0
    if image.tile and image.tile[0][0] == "raw":
        return turned
    width = tags.get(TiffImagePlugin.TILEWIDTH, image.width)
    height = tags.get(TiffImagePlugin.TILELENGTH, tags.get(TiffImagePlugin.ROWSPERSTRIP, image.height))
    bits = tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1) * max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    chunk = width * min(height, image.height) * max(4, bits // 8)
    return turned + int(chunk)


_CODEC_NEEDS: Mapping[str, Callable[[ImageFile.ImageFile], int]] = {
    "JPEG": _jpeg_need,
    "WEBP": _webp_need,
    "TIFF": _tiff_need,
}

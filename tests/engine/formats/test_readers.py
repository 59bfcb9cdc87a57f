"""What every reader promises, tried on all that are registered: a model or one sentence for any file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.errors import FileError, MissingToolError
from engine.export import FORMATS
from engine.formats import READERS
from engine.formats.imports import find_reader, read_with
from engine.formats.reader import HEAD_BYTES, Imported, Reader, ReadOptions
from engine.nn.predictor import Predictor
from tests.engine.formats.samples import SAMPLES, written

ALL = pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
QUICK, CAMPAIGN = 200, 100_000
MEGABYTES = 512  # for a damaged file, which is as small as its sample
SECONDS = 1  # of processor time; measured in the campaign, which runs alone
HUGE = (
    b"\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"99999999",
    b"-1 ",
    b" nan ",
    b"1e999",
)


@cache
def samples(name: str) -> tuple[tuple[bytes, ReadOptions], ...]:
    """Return the samples of a reader; skip where a package is missing that makes them."""
    return tuple(SAMPLES[name]())


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return `content` with some of what happens to files, by chance and by intent."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        place = (
            int(rng.integers(len(data) + 1))
            if rng.random() < 0.7
            else int(rng.integers(200)) % (len(data) + 1)
        )
        match int(rng.integers(6)):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = bytes([int(rng.integers(256))])
            case 2:
                word = HUGE[int(rng.integers(len(HUGE)))]
                data[place : place + len(word)] = word
            case 3:
                del data[place : place + int(rng.integers(1, 40))]
            case 4:
                data[place:place] = data[: int(rng.integers(1, 60))]
            case 5:
                other = int(rng.integers(len(data) + 1))
                data[place : place + 8], data[other : other + 8] = (
                    data[other : other + 8],
                    data[place : place + 8],
                )
    return bytes(data)


def outcome(reader: Reader, path: Path, options: ReadOptions) -> Imported | None:
    """Return what `reader` makes of a file; None where it refuses it in one sentence."""
    try:
        found = read_with(reader, path, options)
    except (FileError, MissingToolError) as error:
        text = str(error)
        assert "\n" not in text
        assert text.endswith((".", ")."))
        assert len(text) < 1500
        return None
    assert np.isfinite(found.model.params).all()
    return found


def inputs(name: str, count: int, seed: int) -> Iterator[tuple[bytes, ReadOptions]]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        content, options = samples(name)[number % len(samples(name))]
        yield damaged(content, rng), options


def try_damaged(reader: Reader, folder: Path, count: int, seed: int) -> float:
    """Read damaged files, none of which may take much memory; return the longest time that one took."""
    usage = pytest.importorskip("resource", reason="memory is measured where the system counts it")
    longest, before = 0.0, usage.getrusage(usage.RUSAGE_SELF).ru_maxrss
    for number, (content, options) in enumerate(inputs(reader.name, count, seed)):
        path = written(folder, content, reader.suffixes[0])
        start = time.process_time()
        outcome(reader, path, options)
        if number:  # the first one may import packages
            longest = max(longest, time.process_time() - start)
    taken = usage.getrusage(usage.RUSAGE_SELF).ru_maxrss - before
    assert taken < MEGABYTES * (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return longest


@ALL
def test_a_reader_says_who_it_is(reader: Reader) -> None:
    assert READERS[reader.name] is reader
    assert reader.title
    assert reader.doc
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in reader.suffixes)
    assert reader.suffixes
    assert reader.name in SAMPLES, "give the reader its line in samples.py"


@ALL
def test_its_files_are_recognised_by_content_and_by_nobody_else(reader: Reader, tmp_path: Path) -> None:
    for content, _ in samples(reader.name):
        path = written(tmp_path, content, ".dat")
        assert find_reader(path) is reader
        assert [r.name for r in READERS.values() if r.recognizes(content[:HEAD_BYTES])] == [reader.name]


@ALL
@pytest.mark.parametrize(
    "head", [b"", b"\0" * 4096, b"PK\3\4", b"hello world\n", b"\x89PNG\r\n\x1a\n", b"{}", b"1 2"]
)
def test_what_is_no_network_is_not_taken_for_one(reader: Reader, head: bytes) -> None:
    assert not reader.recognizes(head)


@ALL
def test_a_sample_comes_in_and_runs(reader: Reader, tmp_path: Path) -> None:
    for content, options in samples(reader.name):
        found = outcome(reader, written(tmp_path, content, reader.suffixes[0]), options)
        assert found is not None
        image = np.zeros((1, *found.model.spec.input_shape), np.uint8)
        assert np.isfinite(Predictor(found.model).logits(image)).all()
        assert found.model.name == "sample"
        assert all(remark.endswith(".") and "\n" not in remark for remark in found.remarks)


@ALL
def test_class_names_that_do_not_fit_are_refused_or_not_needed(reader: Reader, tmp_path: Path) -> None:
    content, options = samples(reader.name)[0]
    path = written(tmp_path, content, reader.suffixes[0])
    many = ReadOptions(options.network, ("a",) * 99)
    found = outcome(reader, path, many)
    assert found is None or len(found.model.classes) == found.model.spec.classes != 99


@ALL
def test_weights_alone_need_a_network(reader: Reader, tmp_path: Path) -> None:
    content, _ = samples(reader.name)[0]
    path = written(tmp_path, content, reader.suffixes[0])
    if reader.weights_only:
        with pytest.raises(FileError, match="name the network that they belong to"):
            read_with(reader, path, ReadOptions())


@ALL
def test_damaged_files_are_refused_in_one_sentence(reader: Reader, tmp_path: Path) -> None:
    try_damaged(reader, tmp_path, QUICK, 0)


@ALL
def test_every_truncation_of_the_beginning_is_refused(reader: Reader, tmp_path: Path) -> None:
    content, options = samples(reader.name)[0]
    for length in [*range(40), *range(40, len(content) - 1, max(1, len(content) // 40))]:
        outcome(reader, written(tmp_path, content[:length], reader.suffixes[0]), options)


@ALL
@pytest.mark.campaign
def test_very_many_damaged_files(reader: Reader, tmp_path: Path) -> None:
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    longest = try_damaged(reader, tmp_path, CAMPAIGN, seed)
    assert longest < SECONDS, f"seed {seed}"


@ALL
def test_a_reader_of_a_format_that_goes_out_has_its_name(reader: Reader) -> None:
    same_title = [form for form in FORMATS.values() if form.title == reader.title]
    assert all(form.name == reader.name for form in same_title)


def test_an_unknown_file_is_refused_and_told_what_can_come_in(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no kind of file that can come in; these can: "):
        find_reader(written(tmp_path, b"hello", ".txt"))


@pytest.mark.parametrize("kind", ["folder", "missing"])
def test_what_is_no_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "none.ann"
    with pytest.raises(FileError):
        find_reader(path)

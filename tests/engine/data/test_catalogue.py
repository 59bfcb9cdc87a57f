"""The catalogue finds, reads, describes and downloads data sets, and says how to get what is absent."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.data import Catalogue, default_data_dirs
from engine.data.catalogue import ENTRIES, may_have_seen, user_data_dir
from engine.data.download import RemoteFile, fetch
from engine.data.idx import write_idx
from engine.errors import DataError, FileError, TinyMLError


def write(path: Path, array) -> None:
    with gzip.open(path, "wb") as stream:
        write_idx(stream, np.asarray(array, np.uint8))


def mnist_folder(folder: Path, images=4, labels=(7, 2, 1, 0)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        write(folder / f"{prefix}-images-idx3-ubyte.gz", np.ones((images, 6, 6)))
        write(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return folder


def emnist_folder(folder: Path, split: str, mapping: str, labels) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(len(labels) * 9).reshape(-1, 3, 3)
    write(folder / f"emnist-{split}-train-images-idx3-ubyte.gz", images)
    write(folder / f"emnist-{split}-train-labels-idx1-ubyte.gz", labels)
    (folder / f"emnist-{split}-mapping.txt").write_text(mapping)
    return folder


def test_starter_is_always_there_and_balanced() -> None:
    catalogue = Catalogue()
    info = catalogue.info("starter")
    train, test = (catalogue.load("starter", part) for part in ("train", "test"))
    assert info.present
    assert (len(train), len(test)) == (info.train, info.test) == (4000, 1000)
    assert set(np.bincount(train.labels)) == {400}
    assert set(np.bincount(test.labels)) == {100}
    assert train.classes == tuple("0123456789")
    assert train.image_shape == (28, 28, 1)
    distinct = {image.tobytes() for image in (*train.images, *test.images)}
    assert len(distinct) == 5000, "train and test share no image"
    assert len(set(train.labels[:50])) > 5, "shuffled, not sorted by class"


def test_a_name_is_found_in_the_first_data_folder_that_has_it(tmp_path: Path) -> None:
    mnist_folder(tmp_path / "second" / "mnist")
    catalogue = Catalogue([tmp_path / "first", tmp_path / "second"])
    assert catalogue.present() == ("starter", "mnist")
    info = catalogue.info("mnist")
    assert (info.train, info.test, info.present) == (4, 4, True)
    assert info.location == str(tmp_path / "second" / "mnist")
    dataset = catalogue.load("mnist", "test")
    assert dataset.name == "mnist"
    assert dataset.labels.tolist() == [7, 2, 1, 0]


@pytest.mark.parametrize("entry", ENTRIES[1:], ids=lambda entry: entry.name)
def test_an_absent_data_set_says_how_to_get_it(entry, tmp_path: Path) -> None:
    catalogue = Catalogue([tmp_path])
    info = catalogue.info(entry.name)
    assert not info.present
    assert (info.train, info.test) == (entry.train, entry.test)
    with pytest.raises(DataError) as caught:
        catalogue.load(entry.name, "train")
    assert entry.how_to_get in str(caught.value)


def test_damaged_files_are_listed_without_a_count(tmp_path: Path) -> None:
    folder = mnist_folder(tmp_path / "mnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    info = Catalogue([tmp_path]).info("mnist")
    assert (info.present, info.train, info.test) == (True, None, 4)


def test_any_folder_is_read_by_its_path(tmp_path: Path) -> None:
    folder = mnist_folder(tmp_path / "my digits")
    assert len(Catalogue().load(str(folder), "train")) == 4


def test_plain_files_and_dotted_names_are_found(tmp_path: Path) -> None:
    with (tmp_path / "train-images.idx3-ubyte").open("wb") as stream:
        write_idx(stream, np.ones((2, 5, 5), np.uint8))
    with (tmp_path / "train-labels.idx1-ubyte").open("wb") as stream:
        write_idx(stream, np.ones(2, np.uint8))
    assert len(Catalogue().load(str(tmp_path), "train")) == 2
    with pytest.raises(DataError, match="no test part"):
        Catalogue().load(str(tmp_path), "test")


def test_emnist_is_set_upright_and_named_by_its_mapping(tmp_path: Path) -> None:
    folder = emnist_folder(tmp_path / "emnist", "balanced", "0 48\n1 65\n2 97\n", [2, 0])
    dataset = Catalogue([tmp_path]).load("emnist", "train")
    assert dataset.classes == ("0", "A", "a")
    np.testing.assert_array_equal(dataset.images[0, ..., 0], np.arange(9).reshape(3, 3).T)
    assert dataset.images.flags.c_contiguous
    assert folder.is_dir()


def test_labels_that_start_at_one_become_indices(tmp_path: Path) -> None:
    emnist_folder(tmp_path, "letters", "1 65 97\n2 66 98\n\n", [2, 1, 2])
    dataset = Catalogue().load(str(tmp_path), "train")
    assert dataset.classes == ("A", "B")
    assert dataset.labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("mapping", "labels", "expected"),
    [
        ("0 48\n1 49\n", [0, 2], "label 2 is not one of the 2 classes"),
        ("0 48\nzero\n", [0, 1], "line 2"),
        ("0 48\n999 49\n", [0, 1], "line 2"),
        ("0 48\n1 7\n", [0, 1], "line 2"),
        ("0 48\n0 49\n", [0, 1], "named twice"),
        ("", [0, 1], "label 0"),
        ("0 48\n" * 20_000, [0, 1], "larger than"),
    ],
)
def test_a_bad_mapping_is_refused(tmp_path: Path, mapping: str, labels, expected: str) -> None:
    emnist_folder(tmp_path, "balanced", mapping, labels)
    with pytest.raises(FileError, match=expected):
        Catalogue().load(str(tmp_path), "train")


def test_a_missing_mapping_is_named(tmp_path: Path) -> None:
    emnist_folder(tmp_path, "balanced", "", [0])
    (tmp_path / "emnist-balanced-mapping.txt").unlink()
    with pytest.raises(DataError, match=r"mapping\.txt: this file is missing"):
        Catalogue().load(str(tmp_path), "train")


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"images": 5}, "4 labels, but .* 5 images"), ({"labels": (1, 2, 3, 10)}, "label is 10")],
)
def test_images_and_labels_that_do_not_match(tmp_path: Path, change, expected: str) -> None:
    mnist_folder(tmp_path, **change)
    with pytest.raises(DataError, match=expected) as caught:
        Catalogue().load(str(tmp_path), "train")
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "nothing/here", "", "a\0b"])
def test_an_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(DataError, match="starter, mnist, emnist"):
        Catalogue().load(name, "train")


def test_an_unknown_part() -> None:
    with pytest.raises(TinyMLError, match="train and test"):
        Catalogue().load("starter", "validation")


def test_default_folders_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYML_DATA", "/from-environment")
    expected = (Path("/given"), Path("/from-environment"), user_data_dir())
    assert default_data_dirs("/given") == expected
    monkeypatch.delenv("TINYML_DATA")
    assert default_data_dirs() == (user_data_dir(),)


@pytest.mark.parametrize(
    ("name", "train", "test", "classes"), [("mnist", 60_000, 10_000, 10), ("emnist", 93_185, 9_424, 47)]
)
def test_real_data(data_dir: Path, name: str, train: int, test: int, classes: int) -> None:
    catalogue = Catalogue([data_dir])
    info = catalogue.info(name)
    assert (info.train, info.test) == (train, test)
    dataset = catalogue.load(name, "test")
    assert len(dataset) == test
    assert len(dataset.classes) == classes
    assert np.bincount(dataset.labels, minlength=len(dataset.classes)).min() > 0


def test_real_emnist_stands_upright(data_dir: Path) -> None:
    """Most of a 7's ink is above the middle; swapped, it would be below."""
    dataset = Catalogue([data_dir]).load("emnist", "test")
    sevens = dataset.images[dataset.labels == dataset.classes.index("7"), ..., 0].astype(np.float64)
    assert sevens[:, :14].sum() > 0.6 * sevens.sum()
    assert sevens[:, :, :14].sum() < 0.45 * sevens.sum()


CONTENT = {"images": b"i" * 300_000, "labels": b"l" * 100}


def remote(url: str, name: str, content: bytes) -> RemoteFile:
    return RemoteFile(f"{url}/{name}", name, hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """Serve the folder ``www`` on this computer."""
    www = tmp_path / "www"
    www.mkdir()
    for name, content in CONTENT.items():
        (www / name).write_bytes(gzip.compress(content))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, directory=www, **kwargs)

        def log_message(self, *args) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_reports_progress_and_keeps_checked_content(mirror: str, tmp_path: Path) -> None:
    files = [remote(mirror, name, content) for name, content in CONTENT.items()]
    progress = list(fetch(files, tmp_path / "new" / "data"))
    assert progress[-1] == (300_100, 300_100)
    assert progress == sorted(progress)
    for name, content in CONTENT.items():
        assert (tmp_path / "new" / "data" / name).read_bytes() == content


def test_a_second_download_fetches_only_what_is_missing(mirror: str, tmp_path: Path) -> None:
    files = [remote(mirror, name, content) for name, content in CONTENT.items()]
    list(fetch(files[:1], tmp_path / "data"))
    (tmp_path / "www" / "images").unlink()
    assert list(fetch(files, tmp_path / "data"))[-1] == (300_100, 300_100)


def test_a_damaged_file_of_the_right_size_is_downloaded_again(mirror: str, tmp_path: Path) -> None:
    files = [remote(mirror, name, content) for name, content in CONTENT.items()]
    list(fetch(files, tmp_path / "data"))
    damaged = tmp_path / "data" / "images"
    damaged.write_bytes(b"\1" + CONTENT["images"][1:])
    list(fetch(files, tmp_path / "data"))
    assert damaged.read_bytes() == CONTENT["images"]


def test_bad_downloads_leave_nothing(mirror: str, tmp_path: Path) -> None:
    www = tmp_path / "www"
    (www / "cut").write_bytes((www / "images").read_bytes()[:200])
    (www / "bomb").write_bytes(gzip.compress(bytes(5_000_000)))
    (www / "junk").write_bytes(b"<html>not here</html>")
    for name in ("cut", "bomb", "junk", "labels", "absent"):
        with pytest.raises(DataError, match=name):
            list(fetch([remote(mirror, name, CONTENT["images"])], tmp_path / "data"))
    assert list((tmp_path / "data").iterdir()) == []


def test_no_server_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="download failed"):
        list(fetch([remote("http://127.0.0.1:1", "images", b"")], tmp_path))


def test_what_cannot_be_downloaded_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"nist\.gov"):
        Catalogue().download("emnist")


def test_a_folder_that_is_added_is_searched_first(tmp_path: Path) -> None:
    catalogue = Catalogue([tmp_path / "nothing"])
    assert catalogue.add_folder(tmp_path) == ()
    assert catalogue.add_folder(tmp_path) == ()
    assert catalogue.data_dirs == (tmp_path, tmp_path / "nothing")


@pytest.mark.parametrize(
    ("learned", "tested", "seen"),
    [
        (["mnist"], "starter", True),
        (["starter"], "starter", False),
        (["mnist"], "mnist", False),
        ([], "x", False),
    ],
)
def test_who_learned_from_all_of_mnist_has_seen_the_starters_test_images(
    learned: list[str], tested: str, seen: bool
) -> None:
    assert may_have_seen(learned, tested) is seen


def test_every_entry_that_is_part_of_another_names_one_that_exists() -> None:
    names = {entry.name for entry in ENTRIES}
    assert {entry.part_of for entry in ENTRIES} <= names | {""}

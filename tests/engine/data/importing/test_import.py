"""Data in every form that people have comes in as the same images, labels and classes."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.data import Catalogue
from engine.data.folders import load_folder
from engine.data.idx import write_idx
from engine.data.importing import READERS, Imported, ImportOptions, Place, import_data
from engine.errors import DataError, FileError, TinyMLError

CLASSES = 4
LABELS = np.arange(40) % CLASSES
AUTO, KEEP = ImportOptions(), ImportOptions(fit="keep")


def images(count: int = 40, side: int = 28) -> np.ndarray:
    """Return drawings that are bright on black and differ from each other."""
    drawn = np.zeros((count, side, side), np.uint8)
    rng = np.random.default_rng(1)
    drawn[:, 4:-4, 4:-4] = rng.integers(0, 256, (count, side - 8, side - 8))
    drawn[:, side // 2, side // 2] = 255
    return drawn


def bring_in(path: Path, options: ImportOptions = AUTO) -> Imported:
    return import_data(path, Place(path.parent / "sets", "mine"), options, np.random.default_rng(0))


def everything(imported: Imported) -> tuple[np.ndarray, list[str]]:
    """Return all images of an imported set with the names of their classes, in the order of their bytes."""
    found = Catalogue([imported.folder.parent])
    parts = [found.load("mine", part) for part in imported.manifest.images]
    pixels = np.concatenate([part.images for part in parts])
    names = [part.classes[label] for part in parts for label in part.labels]
    order = sorted(range(len(pixels)), key=lambda place: pixels[place].tobytes())
    return pixels[order], [names[place] for place in order]


def expected(pixels: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    order = sorted(range(len(pixels)), key=lambda place: pixels[place].tobytes())
    return pixels[order][..., np.newaxis], [names[place] for place in order]


# One writer for each form: with the csv module, NumPy, Pillow and zipfile, none of which is ours.


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def table(path: Path, *, last: bool = False, heading: str = "", **style: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, **style)
        if heading:
            pixels = [f"pixel{i}" for i in range(784)]
            writer.writerow([*pixels, heading] if last else [heading, *pixels])
        for image, label in zip(images(), LABELS, strict=True):
            row = image.ravel().tolist()
            writer.writerow([*row, label] if last else [label, *row])
    return path


def arrays(
    folder: Path, x: np.ndarray, y: np.ndarray, names: tuple[str, str] = ("x_train", "y_train")
) -> Path:
    path = folder / "a.npz"
    np.savez_compressed(path, **dict(zip(names, (x, y), strict=True)))
    return path


def pictures(folder: Path, name: Callable[[int, int], str], suffix: str = ".png") -> Path:
    for number, (image, label) in enumerate(zip(images(), LABELS, strict=True)):
        file = folder / (name(number, int(label)) + suffix)
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return folder


def idx(folder: Path, train: str = "train-{}-idx{}-ubyte") -> Path:
    for what, rank, array in (("images", 3, images()), ("labels", 1, LABELS.astype(np.uint8))):
        file = folder / train.format(what, rank)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            write_idx(stream, array)
    return folder


def zipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, Path("one", "deeper", file.relative_to(folder)))
    return path


def tarred(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "data")
    return path


ONE_HOT = np.eye(CLASSES)[LABELS]
UNIT = images() / 255
FORMS: dict[str, Callable[[Path], Path]] = {
    "csv, label first": lambda p: table(p / "a.csv"),
    "csv, label last": lambda p: table(p / "a.csv", last=True),
    "csv, heading": lambda p: table(p / "a.csv", heading="label"),
    "csv, heading and label last": lambda p: table(p / "a.csv", heading="class", last=True),
    "csv, semicolons, quoted": lambda p: table(p / "a.csv", delimiter=";", quoting=csv.QUOTE_ALL),
    "tsv": lambda p: table(p / "a.tsv", delimiter="\t"),
    "npz of Keras": lambda p: arrays(p, images(), LABELS),
    "npz, flat": lambda p: arrays(p, images().reshape(40, 784), LABELS, ("X", "y")),
    "npz, channels first": lambda p: arrays(p, images()[:, None], LABELS, ("images", "labels")),
    "npz, channels last": lambda p: arrays(p, images()[..., None], LABELS, ("train_images", "train_labels")),
    "npz, one-hot": lambda p: arrays(p, images(), ONE_HOT),
    "npz, 0 to 1": lambda p: arrays(p, UNIT.astype(np.float32), LABELS),
    "npz, -1 to 1": lambda p: arrays(p, 2 * UNIT - 1, LABELS),
    "npz, doubles to 255": lambda p: arrays(p, images().astype(float), LABELS.astype(float)),
    "npz, column-major": lambda p: arrays(p, np.asfortranarray(images()), LABELS),
    "npz, unnamed": lambda p: arrays(p, images(), LABELS, ("arr_0", "arr_1")),
    "folders of pictures": lambda p: pictures(p / "a", lambda n, label: f"{label}/{n}"),
    "pictures named by class": lambda p: pictures(p / "a", lambda n, label: f"{label}_{n:03}"),
    "pictures with the class last": lambda p: pictures(p / "a", lambda n, label: f"{n:03}-{label}"),
    "pictures that name the class": lambda p: pictures(p / "a", lambda n, label: f"img{n}_label{label}"),
    "IDX": lambda p: idx(p / "a"),
    "IDX, a dot": lambda p: idx(p / "a", "train-{}.idx{}-ubyte"),
    "IDX, capitals": lambda p: idx(p / "a", "TRAIN-{}-IDX{}-UBYTE"),
    "IDX, each in a folder": lambda p: idx(p / "a", "train-{0}-idx{1}-ubyte/train-{0}-idx{1}-ubyte"),
    "zip of pictures": lambda p: zipped(p / "a.zip", pictures(p / "b", lambda n, label: f"{label}/{n}")),
    "zip of a table": lambda p: zipped(p / "a.zip", table(made(p / "b") / "a.csv").parent),
    "tar of IDX": lambda p: tarred(p / "a.tgz", idx(p / "a")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_data(form: str, tmp_path: Path) -> None:
    imported = bring_in(FORMS[form](tmp_path))
    pixels, names = everything(imported)
    wanted, labels = expected(images(), [str(label) for label in LABELS])
    assert np.abs(pixels.astype(int) - wanted.astype(int)).max() <= ("-1" in form)
    assert names == labels
    assert imported.manifest.images == {"train": 32, "test": 8}  # 15 % of ten images a class, rounded up


def test_emnist_is_transposed_and_its_mapping_names_the_classes(tmp_path: Path) -> None:
    folder = idx(tmp_path / "emnist", "emnist-letters-train-{}-idx{}-ubyte")
    mapping = "\n".join(f"{label} {ord('A') + label}" for label in range(CLASSES))
    (folder / "emnist-letters-mapping.txt").write_bytes(b"\xef\xbb\xbf" + mapping.encode())
    pixels, names = everything(bring_in(folder))
    wanted, letters = expected(images().transpose(0, 2, 1), ["ABCD"[label] for label in LABELS])
    assert (pixels == wanted).all()
    assert names == letters


def test_dark_ink_is_inverted_and_said(tmp_path: Path) -> None:
    imported = bring_in(arrays(tmp_path, 255 - images(), LABELS))
    assert (everything(imported)[0] == expected(images(), [""] * 40)[0]).all()
    assert any("inverted" in note for note in imported.manifest.notes)


def test_a_test_part_of_its_own_is_kept(tmp_path: Path) -> None:
    x, y = images(), LABELS
    np.savez(tmp_path / "a.npz", x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    assert bring_in(tmp_path / "a.npz").manifest.images == {"train": 30, "test": 10}


def test_tables_for_training_and_testing_lie_in_one_folder(tmp_path: Path) -> None:
    folder = made(tmp_path / "kaggle")
    table(folder / "mnist_train.csv")
    table(folder / "mnist_test.csv")
    assert bring_in(folder).manifest.images == {"train": 40, "test": 40}


def test_images_of_another_size_become_drawings_unless_kept(tmp_path: Path) -> None:
    path = arrays(tmp_path, images(side=20), LABELS)
    kept = bring_in(path, KEEP)
    assert everything(kept)[0].shape[1:] == (20, 20, 1)
    fitted = import_data(path, Place(tmp_path / "more", "mine"), ImportOptions(), np.random.default_rng(0))
    assert everything(fitted)[0].shape[1:] == (28, 28, 1)


def test_colour_comes_back_as_it_was(tmp_path: Path) -> None:
    colours = np.random.default_rng(2).integers(0, 256, (40, 3, 8, 8)).astype(np.uint8)
    imported = bring_in(arrays(tmp_path, colours.reshape(40, 192), LABELS))
    found = Catalogue([imported.folder.parent]).load("mine", "train")
    assert found.image_shape == (8, 8, 3)
    originals = {image.transpose(1, 2, 0).tobytes() for image in colours}
    assert {image.tobytes() for image in found.images} <= originals


def test_pictures_that_cannot_be_read_are_listed_and_the_rest_comes_in(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", lambda n, label: f"{label}/{n}")
    (folder / "0" / "broken.png").write_bytes(b"no picture")
    Image.new("L", (50, 50), 255).save(folder / "1" / "empty.png")
    manifest = bring_in(folder).manifest
    assert sum(manifest.images.values()) == 40
    assert "2 pictures were left out" in manifest.notes[0]
    assert "broken.png" in manifest.notes[0]


def test_the_users_names_of_the_classes_win(tmp_path: Path) -> None:
    path = arrays(tmp_path, images(), LABELS)
    assert bring_in(path, ImportOptions(class_names="a, b,c,d")).manifest.classes == ("a", "b", "c", "d")


def test_an_imported_set_is_in_the_catalogue_like_any_other(tmp_path: Path) -> None:
    imported = bring_in(table(tmp_path / "a.csv"))
    found = Catalogue([imported.folder.parent])
    info = found.info("mine")
    assert "mine" in found.names()
    assert "mine" in found.present()
    assert (info.train, info.test, info.classes) == (32, 8, CLASSES)
    assert "a.csv" in info.title


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1, "classes": 3}', "[" * 100_000])
def test_a_damaged_manifest_hides_one_set_and_no_other(content: str, tmp_path: Path) -> None:
    imported = bring_in(table(tmp_path / "a.csv"))
    other = imported.folder.with_name("other")
    other.mkdir()
    (other / "dataset.json").write_text(content)
    found = Catalogue([imported.folder.parent])
    assert "mine" in found.present()
    assert "other" not in found.names()
    assert [found.info(name).name for name in found.names()] == list(found.names())
    with pytest.raises(DataError, match="import the data again"):
        found.load(str(other), "train")


def test_the_test_part_is_the_same_at_every_import(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    first = bring_in(path).manifest
    again = import_data(path, Place(tmp_path / "more", "mine"), ImportOptions(), np.random.default_rng(0))
    assert first.sha256 == again.manifest.sha256


def test_every_reader_is_tried_above() -> None:
    assert READERS.keys() == {"idx", "arrays", "csv", "pictures", "sheet"}  # the last in test_paper.py


def rows(*lines: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "a.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def entry(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "1")
        return path

    return write


def objects(folder: Path) -> Path:
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "y"):
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.array([{}] * 40, dtype=object), allow_pickle=True)
            archive.writestr(f"{name}.npy", stream.getvalue())
    return path


GOOD = ["0,9,0,0,9", "1,0,9,9,0"] * 3
BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a short row": (rows(*GOOD, "1,0,9"), "row 7 has 3 columns"),
    "no pixel": (rows(*GOOD, "1,0,9,x,0"), "row 7, column 4 is 'x'"),
    "too bright": (rows(*GOOD, "1,0,9,256,0"), "row 7, column 4 is '256'"),
    "a fractional label": (rows(*GOOD, "1.5,0,9,9,0"), "1.5"),
    "a label missing": (rows(*GOOD, ",0,9,9,0"), "image 6 has no label"),
    "text among numbers": (rows(*GOOD * 5, "one,0,9,9,0"), "image 30 is 'one'"),
    "one class": (rows(*GOOD[::2] * 4), "two classes"),
    "no square": (rows("1,2,3,4,5,6,7", "2,2,3,4,5,6,7"), "no labelled images were recognised"),
    "a path out of the archive": (entry("../../evil.png"), "outside its own folder"),
    "an absolute path": (entry("/etc/evil.png"), "outside its own folder"),
    "an empty archive": (entry("readme.md"), "no labelled images were recognised"),
    "pickled objects": (objects, "Python objects"),
    "labels of another length": (
        lambda p: arrays(p, images(), LABELS[:9]),
        "40 images but 9 labels",
    ),
    "a value that is no number": (
        lambda p: arrays(p, np.full((40, 28, 28), np.nan), LABELS),
        "image 0",
    ),
    "a strange range": (lambda p: arrays(p, images() * 300.0, LABELS), "pixels go from"),
    "a row with two ones": (lambda p: arrays(p, images(), np.ones((40, 4))), "one-hot"),
    "arrays without labels": (
        lambda p: arrays(p, images(), LABELS, ("a", "b")),
        "x_train and y_train",
    ),
    "names that say nothing": (lambda p: pictures(p / "a", lambda n, label: f"scan{n}"), "do not say what"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_one_sentence_and_nothing_is_kept(case: str, tmp_path: Path) -> None:
    write, words = BAD[case]
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        bring_in(write(tmp_path), KEEP)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sets").exists()
    assert not list(tmp_path.parent.glob("evil*"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "con", "mnist", "x" * 61, "ends.", "ümlaut"])
def test_names_that_are_no_folder_of_ours_are_refused(name: str, tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    with pytest.raises(DataError, match="choose another"):
        import_data(path, Place(tmp_path / "sets", name), KEEP, np.random.default_rng(0))


def test_a_second_import_needs_to_be_meant(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    bring_in(path)
    with pytest.raises(DataError, match="already"):
        bring_in(path)
    place = Place(tmp_path / "sets", "mine", replaces=True)
    import_data(path, place, ImportOptions(class_names="a,b,c,d"), np.random.default_rng(0))
    assert Catalogue([tmp_path / "sets"]).load("mine", "train").classes == ("a", "b", "c", "d")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = table(tmp_path / "a.csv")
    monkeypatch.setattr("engine.files.os.fsync", full)
    with pytest.raises(FileError, match="disk is full"):
        bring_in(path)
    assert not (tmp_path / "sets" / "mine").exists()


@pytest.mark.parametrize("form", ["csv, label first", "npz of Keras", "zip of pictures", "tar of IDX"])
@pytest.mark.parametrize("count", [12, pytest.param(4000, marks=pytest.mark.campaign)])
def test_damaged_files_are_read_or_refused(form: str, count: int, tmp_path: Path) -> None:
    original = FORMS[form](tmp_path).read_bytes()
    rng = np.random.default_rng(20261201)
    path = tmp_path / ("damaged" + {"c": ".csv", "n": ".npz", "z": ".zip", "t": ".tgz"}[form[0]])
    for number in range(count):
        damaged = bytearray(original)
        for _ in range(rng.integers(1, 6)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(1, len(damaged))] if number % 3 == 0 else damaged)
        with contextlib.suppress(TinyMLError):
            kept = import_data(path, Place(tmp_path / "sets", f"n{number}"), KEEP, np.random.default_rng(0))
            for part, images in kept.manifest.images.items():
                assert len(load_folder(kept.folder, part)) == images

"""The service in C: built as its Makefile says, with sanitizers, and asked as ``tinyml serve`` is."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ExportError
from engine.export import FORMATS, ExportOptions
from engine.export.page.openapi import description
from engine.nn.layers import Dense, Flatten
from engine.nn.specs import ModelSpec
from engine.quantize.network import IntegerPredictor
from engine.serve.protocol import Service
from engine.storage.shipped import load_shipped
from tests.engine.export.int8_programs import quantized
from tests.engine.export.page.browsers import needed
from tests.engine.serve.client import BYTES, IMAGE, PNG, ask, counted, png, send_garbage

NAMES = (*"012345678", 'a "quote" \\ ä')
MODEL = load_shipped("digits").replace(classes=NAMES)
HEADERS = ("microhttpd.h", "png.h")
FORM = FORMATS["raspberry-pi"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an export whose service is built, with everything checked while it runs."""
    needed("gcc")
    needed("make")
    if not all(Path("/usr/include", header).exists() for header in HEADERS):
        assert os.environ.get("CI") != "true", "libmicrohttpd-dev and libpng-dev are needed"
        pytest.skip("libmicrohttpd-dev and libpng-dev are needed")
    made = tmp_path_factory.mktemp("service")
    for name, content in FORM.prepare(MODEL, ExportOptions("net")).files.items():
        (made / name).write_bytes(content)
    flags = "CFLAGS=-O1 -g -Werror -fsanitize=address,undefined -fno-sanitize-recover"
    subprocess.run(["make", "CC=gcc", flags], cwd=made, check=True, capture_output=True)
    return made


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """Start the service; it must end with nothing to complain about."""
    with subprocess.Popen(
        [folder / "net_service", "127.0.0.1", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().strip(" /\n").rpartition(":")[2])
        process.terminate()
        _, complaints = process.communicate()
    assert (process.returncode, complaints) == (0, "")


def test_it_answers_as_tinyml_serve_does(port: int) -> None:
    service = Service(MODEL, int8=True)
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    expected = IntegerPredictor(MODEL).probabilities(images)
    for image, probabilities in zip(images, expected, strict=True):
        status, answer = ask(port, "POST", "/predict", image.tobytes(), BYTES)
        wanted = dict(service.predict(image.tobytes(), BYTES["Content-Type"]))
        assert (status, answer["class"]) == (200, wanted["class"])
        np.testing.assert_allclose(answer.pop("probabilities"), probabilities, atol=1e-6)
        del wanted["probabilities"]
        assert answer == wanted
    for side, value in ((60, 0), (61, 90), (60, 227), (200, 240), (60, 255), (1, 0)):
        answer = ask(port, "POST", "/predict", png(side, value), PNG)[1]
        wanted = service.predict(png(side, value), PNG["Content-Type"])
        assert answer["class"] == wanted["class"]
        np.testing.assert_allclose(answer["probabilities"], wanted["probabilities"], atol=1e-6)


def test_it_shows_the_page_and_its_health(port: int) -> None:
    assert "<title>digits</title>" in ask(port, "GET", "/")[1]["text"]
    assert ask(port, "GET", "/health")[1] == {**Service(MODEL, int8=True).health(), "answered": 0}


def test_it_describes_itself_and_counts(port: int) -> None:
    assert ask(port, "GET", "/openapi.json")[1] == description(MODEL)
    ask(port, "POST", "/predict", IMAGE, BYTES)
    ask(port, "POST", "/predict", IMAGE + b"x", BYTES)
    ask(port, "POST", "/predict", png(), PNG)
    found = counted(port)
    assert (found["answered"], found["refused"]) == (2, 1)
    assert 0 < found["seconds"] < 5


def test_it_listens_on_ipv6_too(folder: Path) -> None:
    with subprocess.Popen([folder / "net_service", "::1", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        process.terminate()
    assert re.fullmatch(r"http://\[::1\]:[1-9][0-9]*/", address)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/predict", b"", BYTES, 400),
        ("POST", "/predict", IMAGE + b"x", BYTES, 400),
        ("POST", "/predict", IMAGE, {}, 400),
        ("POST", "/predict", IMAGE, PNG, 400),
        ("POST", "/predict", png()[:-40], PNG, 400),
        ("POST", "/predict", png(2500), PNG, 400),
        ("POST", "/predict", bytes(3 << 20), BYTES, 413),
        ("GET", "/other", None, {}, 404),
        ("PUT", "/predict", IMAGE, BYTES, 405),
    ],
)
def test_what_is_at_fault_is_told(
    method: str, path: str, body: bytes | None, headers: dict[str, str], status: int, port: int
) -> None:
    found, answer = ask(port, method, path, body, headers)
    assert found == status
    assert answer["error"].endswith(".")


def test_garbage_and_idle_connections_stop_nobody(port: int) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
        send_garbage(port, 200)
        assert ask(port, "POST", "/predict", IMAGE, BYTES)[0] == 200


def test_an_address_that_is_taken_and_wrong_words_are_told(port: int, folder: Path) -> None:
    for words in (("127.0.0.1", str(port)), ("nowhere",), ("127.0.0.1", "99999"), ("1.2.3.4", "1", "x")):
        done = subprocess.run([folder / "net_service", *words], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1


def test_it_is_installed_where_its_unit_looks_for_it(folder: Path, tmp_path: Path) -> None:
    subprocess.run(["make", "install", f"DESTDIR={tmp_path}"], cwd=folder, check=True, capture_output=True)
    unit = (tmp_path / "etc/systemd/system/net_service.service").read_text()
    program = unit.partition("ExecStart=")[2].split()[0]
    assert os.access(tmp_path / program.lstrip("/"), os.X_OK)
    if verify := shutil.which("systemd-analyze"):
        command = [verify, "verify", "--root", tmp_path, "net_service.service"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr
        assert "Unknown" not in told
        assert "Failed to parse" not in told


def test_the_container_runs_what_it_copies_as_an_ordinary_user() -> None:
    files = FORM.prepare(MODEL, ExportOptions("net")).files
    steps = files["Dockerfile"].decode()
    copied = steps.partition("COPY ")[2].splitlines()[0].split()[:-1]
    assert set(copied) <= set(files)
    assert "USER nobody" in steps
    assert "read_only: true" in files["compose.yaml"].decode()
    assert 'ports: ["127.0.0.1:' in files["compose.yaml"].decode()


def test_its_c_is_tried_out_and_other_inputs_are_refused() -> None:
    needed("gcc")
    assert FORM.prove(MODEL, FORM.prepare(MODEL, ExportOptions("net"))).passed
    with pytest.raises(ExportError, match="Preprocessing makes images of 28×28×1"):
        FORM.prepare(quantized(ModelSpec((Flatten(), Dense(3)), (6, 5, 1))), ExportOptions("net"))

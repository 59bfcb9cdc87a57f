"""``tinyml serve``: a real server, asked by clients, by garbage and by clients that do not finish."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from engine.errors import FieldError
from engine.quantize.network import IntegerPredictor
from engine.storage.shipped import load_shipped
from tests.engine.conftest import Run
from tests.engine.export.page.browsers import Browser, chromium
from tests.engine.serve.client import BYTES, IMAGE, PNG, ask, counted, png, send_garbage

server = pytest.importorskip("engine.serve.server", exc_type=ImportError)
protocol = pytest.importorskip("engine.serve.protocol")

MODEL = load_shipped("digits")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = server.listen("127.0.0.1", 0)
    running = server.server_of(protocol.Service(MODEL, int8=True), listening)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    running.should_exit = True
    thread.join()
    listening.close()


def test_bytes_are_answered_as_the_engine_does(port: int) -> None:
    status, answer = ask(port, "POST", "/predict", IMAGE, BYTES)
    expected = IntegerPredictor(MODEL).probabilities(np.frombuffer(IMAGE, np.uint8).reshape(1, 28, 28))[0]
    assert status == 200
    assert answer["probabilities"] == expected.tolist()
    assert answer["class"] == MODEL.classes[int(expected.argmax())]
    assert answer["classes"] == list(MODEL.classes)
    assert (answer["model"], answer["numbers"]) == (MODEL.fingerprint, "int8")


def test_a_drawing_is_prepared_as_in_the_window(port: int) -> None:
    status, answer = ask(port, "POST", "/predict", png(), PNG)
    assert (status, answer["class"]) == (200, "1")
    blank = ask(port, "POST", "/predict", png(value=255), PNG)
    assert (blank[0], blank[1]["class"], blank[1]["probabilities"]) == (200, None, [])


def test_it_says_which_model_answers_and_describes_itself(port: int) -> None:
    assert ask(port, "GET", "/health")[1] == {
        "status": "ok",
        "name": "digits",
        "model": MODEL.fingerprint,
        "numbers": "int8",
    }
    described = ask(port, "GET", "/openapi.json")[1]
    schema = described["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    assert schema["required"] == list(ask(port, "POST", "/predict", IMAGE, BYTES)[1])


def test_it_counts_what_it_answers_and_refuses(port: int) -> None:
    before = counted(port)
    ask(port, "POST", "/predict", IMAGE, BYTES)
    ask(port, "POST", "/predict", IMAGE + b"x", BYTES)
    after = counted(port)
    assert [after[name] - before[name] for name in ("answered", "refused")] == [1, 1]
    assert after["seconds"] > before["seconds"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"", BYTES, 400, "it has 0 bytes; send the 784"),
        (IMAGE + b"x", BYTES, 400, "it has 785 bytes"),
        (IMAGE, {}, 400, "it is of no type; send application/octet-stream or image/png"),
        (IMAGE, PNG, 400, "no PNG that can be read"),
        (png()[:-40], PNG, 400, "no PNG that can be read"),
        (png(2500), PNG, 400, "more than 4,194,304 pixels"),
        (bytes((1 << 20) + 1), BYTES, 413, "more than 1,048,576 bytes"),
    ],
)
def test_what_is_at_fault_is_told(
    body: bytes, headers: Mapping[str, str], status: int, words: str, port: int
) -> None:
    found, answer = ask(port, "POST", "/predict", body, headers)
    assert found == status
    assert words in answer["error"]


def test_other_names_are_refused_on_this_computer(port: int) -> None:
    assert ask(port, "GET", "/health", headers={"Host": "evil.example"})[0] == 400
    assert ask(port, "GET", "/predict")[0] == 405
    assert ask(port, "GET", "/other")[0] == 404


def test_garbage_stops_nobody(port: int) -> None:
    send_garbage(port, 200)
    assert ask(port, "POST", "/predict", IMAGE, BYTES)[0] == 200


def test_clients_that_do_not_finish_are_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.3)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 784\r\n"
    with ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 20)) for _ in range(60)]
        for number, connection in enumerate(idle):
            connection.sendall((b"", head, head + b"\r\nx")[number % 3])
        assert ask(port, "POST", "/predict", IMAGE, BYTES)[0] == 200
        answers = [b"".join(iter(lambda c=connection: c.recv(4096), b"")) for connection in idle]
    assert {answer[:12] for answer in answers} == {b"", b"HTTP/1.1 408"}


def test_the_page_asks_the_service(port: int) -> None:
    with chromium() as browser:
        browser.open(f"http://127.0.0.1:{port}/")
        browser.draw("mouse", (0.55, 0.1), (0.5, 0.5), (0.48, 0.9))
        wait_for(browser, "1")
        browser.run("window.fetch = () => Promise.reject(new Error('gone'))")
        browser.draw("mouse", (0.2, 0.1), (0.8, 0.1))
        wait_for(browser, "No answer: gone")


def test_answers_are_sent_at_once(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and body are sent apart: the second part must not wait until the first is acknowledged."""
    options = []
    made = server._InTime.connection_made

    def watched(self: Any, transport: Any) -> None:
        made(self, transport)
        options.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(server._InTime, "connection_made", watched)
    assert ask(port, "GET", "/health")[0] == 200
    assert options
    assert all(options)


def wait_for(browser: Browser, words: str) -> None:
    """Wait until the page says `words`; the browser's driver gives up after half a minute."""
    script = """
const [words, done] = arguments, top = document.getElementById("top");
(function look() { top.textContent === words ? done() : setTimeout(look, 10); })();
"""
    browser.send("ExecuteAsyncScript", script=script, args=[words])


def test_a_port_that_is_taken_is_told(port: int) -> None:
    with pytest.raises(FieldError, match=f"127.0.0.1:{port} cannot be listened on: .* Choose another --port"):
        server.listen("127.0.0.1", port)


def test_the_command_serves_a_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(
        server, "serve", lambda service, listening: (served.append(service), listening.close())
    )
    code, out, _ = run("serve", "digits", "--port", "0", "--json")
    answer = json.loads(out)
    assert (code, answer["numbers"], served[0].int8) == (0, "float32", False)
    assert answer["url"].startswith("http://127.0.0.1:")


def test_without_the_extra_the_command_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, _, err = run("serve", "digits", "--port", "0")
    assert code == 2
    assert "pip install 'tinyml-studio[serve]'" in err

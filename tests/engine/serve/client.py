"""A client of the protocol, and one that sends garbage."""

from __future__ import annotations

import http.client
import io
import json
import random
import re
import socket
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

BYTES = {"Content-Type": "application/octet-stream"}
PNG = {"Content-Type": "image/png"}
IMAGE = bytes(range(256)) * 3 + bytes(16)
NONE: Mapping[str, str] = {}
Answer = tuple[int, dict[str, Any]]


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = NONE
) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read()
        kind = answer.headers.get_content_type()
        return answer.status, json.loads(text) if kind == "application/json" else {"text": text.decode()}


def counted(port: int) -> dict[str, float]:
    """Return the metrics of a service by their names; the lines must be those of Prometheus."""
    text = ask(port, "GET", "/metrics")[1]["text"]
    found = re.findall(r'^tinyml_(\w+)_total{model="[0-9a-f]{16}",numbers="int8"} ([0-9.]+)$', text, re.M)
    assert [f"# TYPE tinyml_{name}_total counter" for name, _ in found] == text.splitlines()[::2]
    return {name: float(value) for name, value in found}


def png(side: int = 60, value: int = 0) -> bytes:
    pixels = np.full((side, side), 255, np.uint8)
    pixels[side // 6 : -side // 6, side // 2 - 3 : side // 2 + 3] = value
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def send_garbage(port: int, count: int) -> None:
    """Send requests that are cut, changed or doubled at random, and do not wait for answers."""
    rng = random.Random(0)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: "
    whole = b"%s%d\r\n\r\n%s" % (head, len(png()), png())
    for _ in range(count):
        request = bytearray(whole)
        for _ in range(rng.randrange(8)):
            request[rng.randrange(len(request))] = rng.randrange(256)
        sent = bytes(request[: rng.randrange(len(request) + 1)]) * rng.randrange(1, 3)
        with socket.create_connection(("127.0.0.1", port), 20) as connection:
            connection.sendall(sent)

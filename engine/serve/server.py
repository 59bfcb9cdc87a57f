"""The protocol over HTTP: Starlette routes it, uvicorn listens.

One thread answers: a prediction takes less time than handing it over. What could hold the service up has a
limit: the size of a body, the time for a request to arrive, and the time that a connection may be idle.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.errors import DataError, FieldError
from engine.export.page import service_page
from engine.export.page.openapi import METRICS, description
from engine.files import describe_os_error
from engine.serve.protocol import MOST_BYTES, Metrics, Service

__all__ = ["application", "listen", "serve", "server_of"]

REQUEST_SECONDS = 10.0
IDLE_SECONDS = 5
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def application(service: Service, hosts: Sequence[str] = ("*",)) -> Starlette:
    """Return the routes of a service, for requests to the names `hosts` alone."""
    metrics = Metrics()
    page = service_page(service.model, f"{service.numbers} · tinyml serve")

    async def predict(request: Request) -> Response:
        response = await answer(request)
        metrics.answered += response.status_code == 200
        metrics.refused += response.status_code != 200
        return response

    async def answer(request: Request) -> Response:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                body = await _body(request)
        except TimeoutError:
            return _refusal(408, f"The body took longer than {REQUEST_SECONDS:.0f} seconds; send it at once.")
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return _refusal(413, f"The body has more than {MOST_BYTES:,} bytes; send a smaller picture.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        start = time.perf_counter()
        try:
            return JSONResponse(service.predict(body, kind))
        except DataError as error:
            return _refusal(400, str(error))
        finally:
            metrics.seconds += time.perf_counter() - start

    return Starlette(
        routes=[
            Route("/", lambda request: HTMLResponse(page)),
            Route("/predict", predict, methods=["POST"]),
            Route("/health", lambda request: JSONResponse(service.health())),
            Route("/metrics", lambda request: Response(metrics.text(service), media_type=METRICS)),
            Route("/openapi.json", lambda request: JSONResponse(description(service.model))),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
    )


async def _body(request: Request) -> bytes | None:
    """Return the body; None if it is too large, which is known before it has all arrived."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _refusal(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status, {"Connection": "close"})


class _InTime(H11Protocol):
    """HTTP that closes connections whose next request does not arrive in time."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio does this only for sockets that were made with TCP's number, not with 0. Head and body are
        # sent apart: without it the body waits 40 ms until the client acknowledges the head.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Start a deadline while no request is being answered; lift it when one is."""
        is_answering = not getattr(self.cycle, "response_complete", True)  # no cycle before the first request
        if is_answering:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    FieldError
        When the system refuses: the port is taken, or the address is not of this computer.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        reason = describe_os_error(error)
        raise FieldError(
            "port", f"{host}:{port} cannot be listened on: {reason} Choose another --port."
        ) from error


def serve(service: Service, listening: socket.socket) -> None:
    """Answer until the program is told to end; `listening` is closed then."""
    with suppress(KeyboardInterrupt), listening:
        server_of(service, listening).run(sockets=[listening])


def server_of(service: Service, listening: socket.socket) -> uvicorn.Server:
    """Return a server that is not yet running.

    Where only this computer can ask, requests to other names are refused: a page from elsewhere could let its
    own name lead here.
    """
    address: Any = listening.getsockname()[0]
    hosts = _LOCAL if ipaddress.ip_address(address).is_loopback else ("*",)
    config = uvicorn.Config(
        application(service, hosts),
        http=_InTime,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)

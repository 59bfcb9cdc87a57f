"""``tinyml serve``: a page to draw on and a protocol for programs, answered by a model."""

from __future__ import annotations

import argparse
from types import ModuleType

from engine.commands.options import MODEL_HELP, add_int8, count
from engine.commands.sources import load_for_drawings
from engine.extras import require
from engine.serve.protocol import Service
from engine.terminal.console import Console

__all__ = ["register"]


def register(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.set_defaults(run=serve)
    parser.add_argument("model", metavar="F.tinyml", help=MODEL_HELP)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s, for this computer alone; 0.0.0.0 is for all)",
    )
    parser.add_argument(
        "--port", type=count(0, 65535), default=8000, help="0 takes a free one (default: %(default)s)"
    )
    add_int8(parser)


def serve(arguments: argparse.Namespace, console: Console) -> int:
    """Answer until the program is told to end."""
    server = _server()
    model = load_for_drawings(arguments.model)
    service = Service(model, arguments.int8)
    listening = server.listen(arguments.host, arguments.port)
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    console.show({**service.health(), "url": url}, [f"{model.name} answers on {url}; end it with Ctrl+C."])
    server.serve(service, listening)
    return 0


def _server() -> ModuleType:
    """Import what listens; raise `MissingToolError` where its packages are not installed."""
    for package in ("starlette", "uvicorn"):
        require(package, "serve", "Services over HTTP")
    from engine.serve import server

    return server

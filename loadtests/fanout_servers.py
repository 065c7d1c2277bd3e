"""What is compared: the gateway, plain `broadcast()` of websockets, and a FastAPI websocket, each as a process.

Each listens on an inherited socket, answers GET /healthz, tells its viewers something five times a second, and appends
to a file when and for how long its loop was held up.
"""

import argparse
import asyncio
import http
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

from millpond.api import upkeep_of
from millpond.gateway import serve_until
from millpond.heap import settle
from millpond.settings import Settings
from millpond.wiring import parts_for

TICK_S: Final = 0.2
PROBE_S: Final = 0.002
NOTED_S: Final = 0.0005
WRITTEN_EVERY_S: Final = 1.0  # what was noted, to the file
FRAME_BYTES: Final = 200
STALLS: Final = "FANOUT_STALLS"
PAYLOAD: Final = "x" * FRAME_BYTES


async def millpond(listener: socket.socket, stop: asyncio.Event) -> None:
    """The gateway as `millpond gateway` runs it; the ticks come from the room's state lane."""
    settings = Settings()
    async with parts_for(settings) as parts, upkeep_of(parts):
        settle()
        await serve_until(stop, listener, parts, settings)


async def plain_broadcast(listener: socket.socket, stop: asyncio.Event) -> None:
    """The library's own way, compression off, as its documentation has it."""
    connections: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            connections.discard(connection)

    def healthy(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(http.HTTPStatus.OK, "alive\n") if request.path == "/healthz" else None

    settle()
    async with serve(handle, sock=listener, compression=None, ping_interval=None, process_request=healthy):
        while not stop.is_set():
            broadcast(connections, PAYLOAD)
            await asyncio.sleep(TICK_S)


async def fastapi(listener: socket.socket, stop: asyncio.Event) -> None:
    """A websocket route that keeps a set, and sends to each in turn."""
    app, connections = FastAPI(), set[WebSocket]()

    @app.get("/healthz")
    async def alive() -> str:
        return "alive"

    @app.websocket("/v1/live")
    async def live(connection: WebSocket) -> None:
        await connection.accept()
        connections.add(connection)
        try:
            while True:
                await connection.receive_text()
        except WebSocketDisconnect:
            connections.discard(connection)

    config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning", ws_ping_interval=None, lifespan="off")
    config.ws_per_message_deflate = False
    server = uvicorn.Server(config)
    settle()
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(sockets=[listener]))
        while not stop.is_set():
            for connection in list(connections):
                try:
                    await connection.send_text(PAYLOAD)
                except (RuntimeError, WebSocketDisconnect):
                    connections.discard(connection)
            await asyncio.sleep(TICK_S)
        server.should_exit = True


SIDES: Final[dict[str, Callable[[socket.socket, asyncio.Event], Awaitable[None]]]] = {
    "millpond": millpond,
    "broadcast": plain_broadcast,
    "fastapi": fastapi,
}


@asynccontextmanager
async def probed(path: Path) -> AsyncIterator[None]:
    """Write down when the loop was held up for longer than NOTED_S: the moment, and for how many ms.

    And how many of them were its own work: in the others the machine did something else.
    """
    ended = asyncio.Event()

    async def probe() -> None:
        with path.open("a") as file:
            while not ended.is_set():
                until_s = time.perf_counter() + WRITTEN_EVERY_S
                while time.perf_counter() < until_s:
                    before_s, worked_s = time.perf_counter(), time.thread_time()
                    await asyncio.sleep(PROBE_S)
                    late_s = time.perf_counter() - before_s - PROBE_S
                    if late_s > NOTED_S:
                        own_s = min(late_s, time.thread_time() - worked_s)
                        file.write(f"{time.monotonic():.3f} {late_s * 1000:.3f} {own_s * 1000:.3f}\n")
                file.flush()

    async with asyncio.TaskGroup() as group:
        group.create_task(probe())
        try:
            yield
        finally:
            ended.set()


async def run(side: str, fd: int) -> None:
    """Serve until SIGTERM."""
    stop: Any = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with socket.socket(fileno=fd) as listener:
        async with probed(Path(os.environ[STALLS])):
            await SIDES[side](listener, stop)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--fd", type=int, required=True)
    arguments = parser.parse_args()
    uvloop.run(run(arguments.side, arguments.fd))

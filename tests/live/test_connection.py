"""Frames that go straight into the socket: whole and in order, and never into somebody else's."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve

from live.connection import ViewerConnection
from live.frames import frame_of
from tests.eventually import WAIT_MAX_S

LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
ROOMY: Final = 64 * 1024 * 1024

Ways = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
Loop = Callable[[], asyncio.AbstractEventLoop]


class Watched(ViewerConnection):
    """Looks at the descriptor's file when it is opened, and when the connection is lost."""

    opened_as = lost_as = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.opened_as = os.fstat(self._file).st_ino

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_as = os.fstat(self._file).st_ino
        super().connection_lost(exc)


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Watched, ClientConnection]]:
    """Both ends of a socket."""
    there: asyncio.Future[Watched] = asyncio.get_running_loop().create_future()

    async def handle(connection: Any) -> None:
        there.set_result(connection)
        await asyncio.shield(connection.connection_lost_waiter)

    factory: Any = Watched
    async with serve(handle, "127.0.0.1", 0, create_connection=factory, compression=None, write_limit=ROOMY) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as client:
            yield await there, client


@Ways
def test_more_than_the_socket_takes_arrives_whole_and_in_order(loop: Loop):
    texts = [f"{number} " + "x" * 40_000 for number in range(400)]

    async def story() -> None:
        async with connected() as (server, client):
            waited = 0
            for text in texts:
                server.push(frame_of(text.encode()))
                waited = max(waited, server.transport.get_write_buffer_size())
            assert waited > 0, "so few bytes never filled the socket"
            assert [await client.recv() for _ in texts] == texts

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@Ways
def test_what_the_library_writes_keeps_its_place(loop: Loop):
    async def story() -> None:
        async with connected() as (server, client):
            for number in range(50):
                server.protocol.send_text(f"theirs {number}".encode())
                server.send_data()
                server.push(frame_of(f"ours {number}".encode()))
            expected = [f"{whose} {number}" for number in range(50) for whose in ("theirs", "ours")]
            assert [await client.recv() for _ in expected] == expected

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@Ways
@pytest.mark.parametrize("by_whom", ["client", "server"])
def test_the_descriptor_is_its_own_until_the_connection_is_lost(loop: Loop, by_whom: str):
    async def story() -> None:
        async with connected() as (server, client):
            end = client if by_whom == "client" else server
            end.transport.abort()
            server.push(frame_of(b"into the void"))
            await asyncio.wait_for(asyncio.shield(server.connection_lost_waiter), WAIT_MAX_S)
            assert server.lost_as == server.opened_as
            assert not server.is_open
            server.push(frame_of(b"to nobody"))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())

"""Frames that go straight into the socket: whole and in order, and never into somebody else's."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from live.close_codes import CloseCode
from live.connection import PIECE_BYTES, SMALL_FRAMES, TURN_BYTES_MAX, ViewerConnection
from live.frames import frame_of
from tests.eventually import WAIT_MAX_S
from tests.live.test_plain_text import frame as masked

LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
ROOMY: Final = 64 * 1024 * 1024

Ways = pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
Loop = Callable[[], asyncio.AbstractEventLoop]


class Watched(ViewerConnection):
    """Looks at the descriptor's file when it is opened, and when the connection is lost."""

    opened_as = lost_as = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(ROOMY)
        self.opened_as = os.fstat(self._file).st_ino

    def connection_lost(self, error: Exception | None) -> None:
        self.lost_as = os.fstat(self._file).st_ino
        super().connection_lost(error)


class Counting(ServerProtocol):
    """The library's part, with the bytes that it was given."""

    fed = 0

    def receive_data(self, data: bytes | bytearray) -> None:
        self.fed += len(data)
        super().receive_data(data)


class Doorless:
    """A house that lets everybody in."""

    def __init__(self, there: "asyncio.Future[Watched]") -> None:
        self.there = there

    def came(self, connection: ViewerConnection) -> None:
        """Nothing is kept of it."""

    def knocked(self, connection: ViewerConnection, request: Request) -> None:
        connection.protocol.send_response(connection.protocol.accept(request))
        connection.send_data()
        assert isinstance(connection, Watched)
        self.there.set_result(connection)

    def went(self, connection: ViewerConnection) -> None:
        """Nothing was kept of it, so nothing keeps it from its end."""
        connection.bury()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Watched, ClientConnection]]:
    """Both ends of a socket."""
    loop = asyncio.get_running_loop()
    house = Doorless(loop.create_future())
    server = await loop.create_server(lambda: Watched(Counting(), house), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as client:
            yield await house.there, client
        await asyncio.wait_for(asyncio.shield((await house.there).connection_lost_waiter), WAIT_MAX_S)


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


async def fed_by_turns(server: Watched, *, until: Callable[[], bool]) -> list[int]:
    """How many bytes the library was given in each turn of the loop."""
    protocol = server.protocol
    assert isinstance(protocol, Counting)
    fed = [protocol.fed]
    deadline_s = time.monotonic() + WAIT_MAX_S
    while not until():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0)
        fed.append(protocol.fed)
    return [after - before for before, after in itertools.pairwise(fed)]


@Ways
@pytest.mark.parametrize("small", [masked(b"", opcode=Opcode.PING), masked(b"", opcode=Opcode.PONG)])
def test_a_flood_of_pings_is_cut_off_and_holds_the_loop_for_a_moment_only(loop: Loop, small: bytes):
    async def story() -> None:
        async with connected() as (server, client):
            client.transport.write(small * 300_000)
            fed = await fed_by_turns(server, until=lambda: not server.is_open)
            assert max(fed) <= TURN_BYTES_MAX
            assert sum(fed) < 2 * SMALL_FRAMES.burst * len(small)
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.FLOOD
            assert max(await fed_by_turns(server, until=server.connection_lost_waiter.done), default=0) == 0

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@Ways
def test_what_comes_all_at_once_is_heard_whole_and_in_order_and_others_have_their_turns(loop: Loop):
    texts = [(f"{number} " + "x" * (number * 37 % 900)).encode() for number in range(300)]

    async def story() -> None:
        async with connected() as (server, client):
            heard: list[bytes] = []
            server.hear = lambda _, text: heard.append(text)
            client.transport.write(b"".join(map(masked, texts)))
            fed = await fed_by_turns(server, until=lambda: len(heard) == len(texts))
            assert heard == texts
            assert max(fed) <= TURN_BYTES_MAX
            client.transport.write(masked(b"and then"))
            await fed_by_turns(server, until=lambda: heard[-1] == b"and then")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@Ways
def test_whoever_is_closed_for_what_he_sent_is_not_listened_to_any_more(loop: Loop):
    async def story() -> None:
        async with connected() as (server, client):
            heard: list[bytes] = []

            def hear(connection: ViewerConnection, text: bytes) -> None:
                heard.append(text)
                connection.end(CloseCode.UNREADABLE)

            server.hear = hear
            client.transport.write(masked(b"nonsense") * 50_000)
            fed = await fed_by_turns(server, until=server.connection_lost_waiter.done)
            assert heard == [b"nonsense"]
            assert sum(fed) <= PIECE_BYTES
            with pytest.raises(ConnectionClosed):
                await client.recv()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())

"""A response leaves in one write, nothing is kept back for good, and no request takes for ever to arrive."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from inventory.routes_import import IMPORT_PATH
from millpond import corked as corked_module
from millpond.corked import HEAD_BYTES_MAX, Corked, CorkedProtocol
from tests.orders.serving import connection

Message = MutableMapping[str, Any]


class Recorder(asyncio.Transport):
    """Notes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_head_and_body_are_one_write():
    recorder = Recorder()
    corked = Corked(recorder, asyncio.get_running_loop())
    corked.write(b"HTTP/1.1 201 Created\r\n\r\n")
    corked.write(b"body")
    corked.write(b"more")
    assert recorder.writes == [b"HTTP/1.1 201 Created\r\n\r\nbody", b"more"]


async def test_a_head_alone_leaves_with_the_next_round_of_the_loop():
    recorder = Recorder()
    corked = Corked(recorder, asyncio.get_running_loop())
    corked.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert recorder.writes == []
    await asyncio.sleep(0)
    assert recorder.writes == [b"HTTP/1.1 204 No Content\r\n\r\n"]


async def test_an_interim_answer_is_never_kept_back_and_a_close_sends_what_was():
    recorder = Recorder()
    corked = Corked(recorder, asyncio.get_running_loop())
    corked.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
    corked.close()
    assert (recorder.writes, recorder.closed) == ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], True)


async def answer(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Echo the body's length once it is whole; a path ending in /late sends its body after other work."""
    length = 0
    message: Message = {"more_body": scope["query_string"] != b"refused"}
    while message["more_body"]:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
    text = f"{scope['method']} {length}".encode()
    headers = [(b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"].endswith("/late"):
        for _ in range(3):
            await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": text})


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A server with the protocol; its port."""
    config = uvicorn.Config(answer, port=0, http=CorkedProtocol, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


async def ask(port: int, request: bytes) -> bytes:
    """Everything that a server says to a request that ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


@pytest.mark.parametrize(
    ("request_line", "extra", "body", "expected"),
    [
        ("POST / HTTP/1.1", "content-length: 3\r\n", b"abc", b"POST 3"),
        ("POST /late HTTP/1.1", "content-length: 3\r\n", b"abc", b"POST 3"),
        ("HEAD / HTTP/1.1", "", b"", b"\r\n\r\n"),
        ("POST / HTTP/1.1", "expect: 100-continue\r\ncontent-length: 1\r\n", b"x", b"POST 1"),
    ],
)
async def test_every_kind_of_response_arrives_whole(request_line: str, extra: str, body: bytes, expected: bytes):
    async with serving() as port:
        head = f"{request_line}\r\nhost: x\r\nconnection: close\r\n{extra}\r\n".encode()
        said = await ask(port, head + body)
    assert b"HTTP/1.1 200 OK" in said
    assert said.endswith(expected)


async def test_pipelined_requests_are_answered_in_order():
    async with serving() as port:
        first = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"
        last = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nab"
        said = await ask(port, first + last)
    assert [part[:6] for part in said.split(b"\r\n\r\n")[1:]] == [b"POST 1", b"POST 2"]


NEVER_WHOLE: dict[bytes, list[int]] = {  # and the statuses that it is answered with
    b"": [],
    b"\r\n": [],
    b"GET / HT": [408],
    b"GET / HTTP/1.1\r\nhost: x\r\nx-": [408],
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc": [408],
    b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n": [408],
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\naGET / HT": [200, 408],
    b"POST /?refused HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc": [200],
}


def statuses(said: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", said)]


@pytest.mark.parametrize("request_bytes", NEVER_WHOLE)
async def test_a_request_that_never_becomes_whole_is_given_up_and_told_so_where_nothing_else_was(
    monkeypatch, request_bytes: bytes
):
    monkeypatch.setattr(corked_module, "REQUEST_MAX_S", 0.3)
    async with serving() as port:
        said = await asyncio.wait_for(ask(port, request_bytes), 5)
    assert statuses(said) == NEVER_WHOLE[request_bytes]
    if said.endswith(b"}"):
        assert json.loads(said.rpartition(b"\r\n\r\n")[2])["type"] == "urn:millpond:problem:too-slow"


@pytest.mark.parametrize(
    ("path", "piece", "expected"),
    [
        (IMPORT_PATH, b"a" * 100, [200]),
        (f"{IMPORT_PATH}?dry_run=true", b"a" * 100, [200]),
        (IMPORT_PATH, b"a", [408]),  # a drop now and then
        (f"{IMPORT_PATH}?refused", b"a" * 100, [200]),  # who was refused has no more time than others
        ("/v1/staff/skus", b"a" * 100, [408]),
    ],
)
async def test_a_file_has_time_as_long_as_it_keeps_coming(monkeypatch, path: str, piece: bytes, expected: list[int]):
    monkeypatch.setattr(corked_module, "REQUEST_MAX_S", 0.4)
    monkeypatch.setattr(corked_module, "FILE_BYTES_PER_S_MIN", 500)
    async with serving() as port, connection(port) as (reader, writer):
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {40 * len(piece)}\r\n\r\n"
        writer.write(head.encode())
        said = asyncio.create_task(reader.read())
        for _ in range(40):  # for a second in all
            writer.write(piece)
            await asyncio.wait([said], timeout=0.025)
            if said.done():
                break
        with suppress(ConnectionError):
            assert statuses(await asyncio.wait_for(said, 5)) == expected


async def test_an_empty_line_after_an_answer_is_the_begin_of_a_request(monkeypatch):
    monkeypatch.setattr(corked_module, "REQUEST_MAX_S", 0.1)
    async with serving() as port, connection(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readuntil(b"GET 0")
        writer.write(b"\r\n")
        assert await asyncio.wait_for(reader.read(), 3) == b""


async def passed(seconds: float) -> None:
    """Return when real time has passed: sockets and their timers have no other."""
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)


async def test_bytes_now_and_then_win_no_time(monkeypatch):
    monkeypatch.setattr(corked_module, "REQUEST_MAX_S", 0.2)
    async with serving() as port, connection(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nx-note: ")
        closed = asyncio.create_task(reader.read())
        for _ in range(100):
            writer.write(b"a")
            await asyncio.wait([closed], timeout=0.02)
            if closed.done():
                break
        assert closed.done()
        with suppress(ConnectionError):
            await closed


async def test_a_connection_is_kept_for_as_many_whole_requests_as_come(monkeypatch):
    monkeypatch.setattr(corked_module, "REQUEST_MAX_S", 0.2)
    whole = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na"
    async with serving() as port, connection(port) as (reader, writer):
        for pieces in [[whole], [whole[:30], whole[30:-1], whole[-1:]]] * 4:
            for piece in pieces:
                writer.write(piece)
                await passed(0.03)
            assert (await reader.readuntil(b"POST 1")).startswith(b"HTTP/1.1 200 OK")


async def test_a_head_without_an_end_is_cut_off():
    async with serving() as port, connection(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n")
        closed = asyncio.create_task(reader.read())
        line, sent = b"x-note: " + b"a" * 1_000 + b"\r\n", 0
        with suppress(ConnectionError):
            while not closed.done() and sent < 64 * HEAD_BYTES_MAX:
                writer.write(line)
                sent += len(line)
                await asyncio.wait([closed], timeout=0.001)
            await closed
        assert closed.done()
        assert sent < 4 * HEAD_BYTES_MAX

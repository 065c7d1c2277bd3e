"""A response leaves in one write, and nothing is kept back for good."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from millpond.corked import Corked, CorkedProtocol

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
    """Echo the body's length; a path ending in /late sends its body after other work."""
    length = len((await receive())["body"])
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

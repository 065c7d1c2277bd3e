"""Enough of two wire protocols to know which call a request is: frames in, (frame, name or None) out."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import asyncpg
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from inventory.gate import Gate
from keel.database import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS
from keel.lua import Script

SSL_REQUEST: Final = 80_877_103
CANCEL_REQUEST: Final = 80_877_102
SCRIPTS: Final[Mapping[str, str]] = {
    vars(script)["_sha"]: name.lstrip("_") for name, script in vars(Gate).items() if isinstance(script, Script)
}
# Which pool a connection belongs to, by the name it gives itself at its start.
POOLS: Final[Mapping[bytes, str]] = {
    b"\0millpond placement\0": "ledger",
    b"\0millpond reads\0": "reads",
    b"\0millpond staff\0": "staff",
    b"application_name\0millpond\0": "pool",  # for the user may have that name, too
}
MODES: Final = ("not_sent", "voided", "lapsed")


Say = Callable[[str], Awaitable[None]]  # to the server at this URL; returns when it has answered


class Wire(Protocol):
    """One direction of one connection, client to server."""

    def frames(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        """Cut what arrived into frames; those that make the server do a known call carry its name."""
        ...

    def answered(self, data: bytes) -> bool:
        """Whether the server's bytes end an answer: what was asked is done, and committed."""
        ...

    def ends_a_call(self, frame: bytes) -> bool:
        """Whether the server begins to work with this frame."""
        ...

    def elsewhere(self, call: bytes) -> Say:
        """How the frames of one call are said over another connection; refusals of the server are its answer too."""
        ...


class RedisWire:
    """RESP: commands are arrays of bulk strings. Scripts are known by their hash, releases also by their mode."""

    def __init__(self) -> None:
        self._waiting = b""

    def frames(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        self._waiting += data
        while (parsed := _command(self._waiting)) is not None:
            parts, length = parsed
            frame, self._waiting = self._waiting[:length], self._waiting[length:]
            yield frame, _script_name(parts)

    def answered(self, data: bytes) -> bool:
        return True

    def ends_a_call(self, frame: bytes) -> bool:
        return True

    def elsewhere(self, call: bytes) -> Say:
        parsed = _command(call)
        assert parsed is not None
        return partial(_say_to_redis, parsed[0])


async def _say_to_redis(parts: list[bytes], url: str) -> None:
    async with Redis.from_url(url, protocol=2) as client:
        with suppress(RedisError):
            await client.execute_command(*parts)


def _command(data: bytes) -> tuple[list[bytes], int] | None:
    """The parts of the first command and its length, or None while it is not whole."""
    if b"\r\n" not in data:
        return None
    head, _, _ = data.partition(b"\r\n")
    parts, at = [], len(head) + 2
    for _ in range(int(head[1:])):
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at + 1 : end])
        at = end + 2 + size + 2
        parts.append(data[end + 2 : end + 2 + size])
    return (parts, at) if len(data) >= at else None


def _script_name(parts: list[bytes]) -> str | None:
    match parts[0].upper():
        case b"EVALSHA":
            name = SCRIPTS.get(parts[1].decode())
        case b"EVAL":
            name = SCRIPTS.get(hashlib.sha1(parts[1]).hexdigest())
        case _:
            return None
    if name == "hold" and not msgspec.msgpack.decode(parts[4])[3]:
        return "gate.hold confirming"  # it asks for nobody
    if name == "release":
        return f"gate.release {next(mode for mode in MODES if mode.encode() in parts[4])}"
    return None if name is None else f"gate.{name}"


class PostgresWire:
    """The extended protocol: Parse names a statement, Bind runs it. Known ones are recognised by a piece of text.

    `markers` by the name of the pool.
    """

    def __init__(self, markers: Mapping[str, Mapping[str, str]]) -> None:
        self._markers = markers
        self._waiting = b""
        self._started = False
        self._whose = ""
        self._statements: dict[bytes, str | None] = {}
        self._parsed: dict[bytes, bytes] = {}

    def frames(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        self._waiting += data
        while (length := self._length()) and len(self._waiting) >= length:
            frame, self._waiting = self._waiting[:length], self._waiting[length:]
            if self._started:
                yield frame, self._name(frame)
            else:
                self._start(frame)
                yield frame, None

    def answered(self, data: bytes) -> bool:
        return data.endswith((b"Z\0\0\0\x05I", b"Z\0\0\0\x05T", b"Z\0\0\0\x05E"))

    def ends_a_call(self, frame: bytes) -> bool:
        return frame[:1] in {b"S", b"Q"}

    def elsewhere(self, call: bytes) -> Say:
        """Another session has not parsed the statement yet."""
        bound = call[5:].split(b"\0", 2)[1] if call[:1] == b"B" else None
        return partial(_say_to_postgres, (self._parsed[bound] if bound is not None else b"") + call, self.answered)

    def _length(self) -> int:
        """The length of the first message; 0 while not even that is known. The first message has no type."""
        skip = 1 if self._started else 0
        if len(self._waiting) < skip + 4:
            return 0
        return skip + int.from_bytes(self._waiting[skip : skip + 4], "big")

    def _start(self, frame: bytes) -> None:
        self._started = int.from_bytes(frame[4:8], "big") not in {SSL_REQUEST, CANCEL_REQUEST}
        self._whose = next((prefix for text, prefix in POOLS.items() if text in frame), "other")

    def _name(self, frame: bytes) -> str | None:
        kind, body = frame[:1], frame[5:]
        if kind == b"P":
            statement, query, _ = body.split(b"\0", 2)
            self._statements[statement] = self._known(query.decode())
            self._parsed[statement] = frame
        elif kind == b"B":
            _, statement, _ = body.split(b"\0", 2)
            return self._statements.get(statement)
        elif kind == b"Q":
            return self._known(body.rstrip(b"\0").decode())
        return None

    def _known(self, query: str) -> str | None:
        markers = self._markers.get(self._whose, {})
        name = next((name for name, marker in markers.items() if marker in query), None)
        return None if name is None else f"{self._whose}.{name}"


class _Answered(asyncio.Protocol):
    """Waits for the end of an answer, or of the connection."""

    def __init__(self, is_answer: Callable[[bytes], bool]) -> None:
        self._is_answer = is_answer
        self.done = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self._is_answer(data):
            self.done.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.done.set()


async def _say_to_postgres(frames: bytes, is_answer: Callable[[bytes], bool], url: str) -> None:
    """The driver signs in, for which it takes more than a few frames, and lends the connection that it has then."""
    limits = {"lock_timeout": str(LOCK_TIMEOUT_MS), "statement_timeout": str(STATEMENT_TIMEOUT_MS)}
    connection = await asyncpg.connect(url, server_settings=limits)
    answer = _Answered(is_answer)
    try:
        transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined] # it has no call for bytes
        transport.set_protocol(answer)
        transport.write(frames)
        await answer.done.wait()
    finally:
        connection.terminate()

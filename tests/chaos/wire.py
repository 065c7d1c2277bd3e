"""Enough of two wire protocols to know which call a request is: frames in, (frame, name or None) out."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from inventory.gate import Gate
from keel.lua import Script

SSL_REQUEST: Final = 80_877_103
CANCEL_REQUEST: Final = 80_877_102
SCRIPTS: Final[Mapping[str, str]] = {
    vars(script)["_sha"]: name.lstrip("_") for name, script in vars(Gate).items() if isinstance(script, Script)
}
# Which pool a connection belongs to, by the name it gives itself at its start.
POOLS: Final[Mapping[bytes, str]] = {b"\0millpond placement\0": "ledger", b"\0millpond\0": "pool"}
MODES: Final = ("not_sent", "voided", "lapsed")


class Wire(Protocol):
    """One direction of one connection, client to server."""

    def frames(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        """Cut what arrived into frames; those that make the server do a known call carry its name."""
        ...

    def answered(self, data: bytes) -> bool:
        """Whether the server's bytes end an answer: what was asked is done, and committed."""
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
    if name == "release":
        return f"gate.release {next(mode for mode in MODES if mode.encode() in parts[4])}"
    return None if name is None else f"gate.{name}"


class PostgresWire:
    """The extended protocol: Parse names a statement, Bind runs it. Known ones are recognised by a piece of text."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        self._markers = markers
        self._waiting = b""
        self._started = False
        self._whose = ""
        self._statements: dict[bytes, str | None] = {}

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
        elif kind == b"B":
            _, statement, _ = body.split(b"\0", 2)
            return self._statements.get(statement)
        elif kind == b"Q":
            return self._known(body.rstrip(b"\0").decode())
        return None

    def _known(self, query: str) -> str | None:
        name = next((name for name, marker in self._markers.items() if marker in query), None)
        return None if name is None else f"{self._whose}.{name}"

"""One buyer's socket: just enough of RFC 6455 to say hello, to join a room, and to find the end of an answer."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

HANDSHAKE: Final = (
    b"GET /v1/live HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SHORT_MAX: Final = 125
MEDIUM_MAX: Final = 0xFFFF
_TEXT: Final = 0x81
_PING: Final = 0x89
_PONG: Final = b"\x8a\x80" + bytes(4)  # pings are empty
_UPGRADED: Final = b"HTTP/1.1 101"
_JOINED: Final = b'{"type":"joined"'

Hear = Callable[[bytes], None]


def masked(text: str) -> bytes:
    """A client's text frame; the mask is zero, which is one too."""
    payload = text.encode()
    length = len(payload)
    if length > MEDIUM_MAX:
        raise ValueError(f"at most {MEDIUM_MAX} bytes")
    head = bytes((_TEXT, 0x80 | length)) if length <= SHORT_MAX else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + bytes(4) + payload


class BuyerSocket(asyncio.Protocol):
    """Says `greeting` (whole frames) once it is open; `joined` is done when the room has answered.

    From then on every text goes to `hear`, and `lost` is called when the socket ends.
    """

    def __init__(self, greeting: bytes, hear: Hear, lost: Callable[[], None]) -> None:
        self._greeting, self._hear, self._on_lost = greeting, hear, lost
        self._rest = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def stands(self) -> bool:
        """Whether something can be said."""
        return self._transport is not None

    def say(self, frames: bytes) -> None:
        """Write whole frames; a socket that is lost says nothing."""
        if self._transport is not None:
            self._transport.write(frames)

    def hang_up(self) -> None:
        """Cut it off."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has classes of its own
        self._transport.write(HANDSHAKE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("closed before it had joined"))
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._upgraded:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._rest = data
                return
            if not data.startswith(_UPGRADED):
                self.joined.set_exception(ConnectionError(data[:200].decode(errors="replace")))
                self.hang_up()
                return
            self._upgraded = True
            self.say(self._greeting)
            data = data[end:]
        self._rest = self._read(data)

    def _read(self, data: bytes) -> bytes:
        """What is left of a frame that is not whole yet."""
        at, size = 0, len(data)
        while size - at >= 2:
            length, body_at = data[at + 1], at + 2
            if length > SHORT_MAX:  # the gateway says nothing of 64 KiB and more to a buyer
                if size - at < 4:
                    break
                length, body_at = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if size < body_at + length:
                break
            if data[at] == _TEXT:
                self._text(data[body_at : body_at + length])
            elif data[at] == _PING:
                self.say(_PONG)
            at = body_at + length
        return data[at:]

    def _text(self, payload: bytes) -> None:
        if self.joined.done():
            self._hear(payload)
        elif payload.startswith(_JOINED):
            self.joined.set_result(None)

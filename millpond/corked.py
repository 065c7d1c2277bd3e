"""HTTP/1.1 as uvicorn speaks it, with one write per response.

uvicorn writes a response's head and its body one after the other, and each write is a system call: a tenth of what an
order costs. Here a head is kept back until the body comes, at the longest until the event loop's next round.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/1.1 "
_INTERIM = b"HTTP/1.1 1"  # 100 Continue: the client waits for it


class Corked:
    """A transport that joins a head with what is written next. Everything else goes straight through."""

    __slots__ = ("_head", "_loop", "_transport", "is_closing", "set_protocol")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""
        self.is_closing, self.set_protocol = transport.is_closing, transport.set_protocol

    def write(self, data: bytes) -> None:
        """Send, or keep back where it is the head of a response."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head = data
            self._loop.call_soon(self._flush)  # for a response that has no body, or whose body comes later
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what was kept back, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            if not self._transport.is_closing():
                self._transport.write(head)


class CorkedProtocol(HttpToolsProtocol):
    """uvicorn's protocol over a corked transport."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport = Corked(transport, self.loop)  # type: ignore[assignment]

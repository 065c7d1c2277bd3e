"""HTTP/1.1 as uvicorn speaks it, with one write per response, and no patience with a client that has all the time.

uvicorn writes a response's head and its body one after the other, and each write is a system call: a tenth of what an
order costs. Here a head is kept back until the body comes, at the longest until the event loop's next round.
"""

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from keel.errors import TooSlow
from keel.http import problem
from millpond.front import STREAMED_PATHS

_HEAD = b"HTTP/1.1 "
_INTERIM = b"HTTP/1.1 1"  # 100 Continue: the client waits for it
HEAD_BYTES_MAX: Final = 32 * 1024
REQUEST_MAX_S: Final = 10.0
FILE_BYTES_PER_S_MIN: Final = 8 * 1024  # 64 kbit/s, for paths that take files: 8 MiB may be on their way for 17 minutes
_FILE_PATHS: Final = frozenset(path.encode() for path in STREAMED_PATHS)
_OF_AN_UPGRADE: Final = {b"upgrade", b"connection", b"http2-settings"}


def _too_slow() -> bytes:
    """The answer to a request that never became whole."""
    answer = problem(TooSlow())
    head = [b"HTTP/1.1 408 Request Timeout", *(b"%b: %b" % header for header in answer.raw_headers)]
    return b"\r\n".join([*head, b"connection: close", b"", bytes(answer.body)])


_TOO_SLOW: Final = _too_slow()


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

    def write_whole(self, data: bytes) -> None:
        """Send at once."""
        self._flush()
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
    """uvicorn's protocol over a corked transport, with an end to its patience.

    uvicorn waits for ever for a request that never becomes whole, and takes a head of any size. Here a connection has
    REQUEST_MAX_S for each request from its first byte (the first one: from the connection's) to the last of its body. A
    file that a route waits for has that long again each time at FILE_BYTES_PER_S_MIN or more.
    A request that comes in one piece, as nearly all do, sets no timer. How long a head is, is looked at from the second
    piece on: one piece is 256 KiB at most.
    """

    corked: Corked
    _deadline: asyncio.TimerHandle | None = None
    _is_idle = True  # no byte of a further request was given to the parser
    _is_whole = False
    _just_whole = False
    _is_in_head = False
    _head_bytes = 0
    _late_bytes = 0  # of a request that is not whole, since the timer was set

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.corked = Corked(transport, self.loop)
        self.transport = self.corked  # type: ignore[assignment]
        self._deadline = self.loop.call_later(REQUEST_MAX_S, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        was_in_head, self._just_whole = self._is_in_head, False
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.close()
                return
        if self._is_whole and (self._just_whole or not self.cycle.response_complete):
            self._stop_waiting()
            return
        self._late_bytes += len(data)
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_MAX_S, self._late)

    @property
    def is_between_requests(self) -> bool:
        """Whether what comes next begins a request that nothing stands before."""
        is_free = getattr(self.cycle, "response_complete", True)  # there is no cycle before the first request
        return self._is_idle and is_free and not self.flow.write_paused

    def begin_whole(self) -> None:
        """A request is here as a whole, and did not come by way of the parser."""
        self._unset_keepalive_if_required()
        self._stop_waiting()
        self._is_whole = True

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client may close its side when its request is whole, and still wants the answer."""
        is_under_way = self._is_whole and not self.cycle.response_complete
        if is_under_way:
            self.cycle.keep_alive = False
        return is_under_way

    def on_message_begin(self) -> None:
        self._is_idle, self._is_whole, self._is_in_head, self._head_bytes = False, False, True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if not self._asks_for_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self._asks_for_upgrade():
            self._is_idle = self._is_whole = self._just_whole = True
            super().on_message_complete()

    def _asks_for_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read a request again as if it did not ask for another protocol, which a server that speaks none has to pass
        over (RFC 9110, 7.8): the parser takes the body for that protocol. Some clients always ask."""
        head = [b"%b %b HTTP/1.1\r\n" % (self.parser.get_method(), self.url)]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] not in _OF_AN_UPGRADE]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline, self._late_bytes = None, 0

    def _late(self) -> None:
        came_bytes, self._late_bytes = self._late_bytes, 0
        keeps_coming = came_bytes >= REQUEST_MAX_S * FILE_BYTES_PER_S_MIN and self._is_awaited_file()
        if keeps_coming or self.pipeline:  # or we are the late ones: nothing is read while an earlier one is answered
            self._deadline = self.loop.call_later(REQUEST_MAX_S, self._late)
            return
        self._deadline = None
        if self._may_be_told():
            self.corked.write_whole(_TOO_SLOW)
        self.transport.close()

    def _is_awaited_file(self) -> bool:
        """Whether the rest of a body is wanted: not of somebody who was refused already."""
        if self._is_in_head or self._is_whole or getattr(self.cycle, "response_complete", True):
            return False
        return self.url.partition(b"?")[0] in _FILE_PATHS

    def _may_be_told(self) -> bool:
        """Whether an answer now would be taken for that of the request which is late: one has begun, and is next."""
        is_answered = getattr(self.cycle, "response_complete", True)  # there is no cycle before the first head is whole
        if self._is_in_head or self._is_whole:
            return self._is_in_head and is_answered
        return not getattr(self.cycle, "response_started", is_answered)

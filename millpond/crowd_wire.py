"""One connection of a crowd: just enough HTTP/1.1 to find the end of an answer."""

import asyncio
import time
from typing import Final, Protocol, cast

LENGTH: Final = b"content-length:"
RETRY_AFTER: Final = b"retry-after:"
CLOSE: Final = b"connection: close"
ANSWER_BYTES_MAX: Final = 1_000_000


class Errand:
    """A request on its way: the number of its wish, its bytes, when it was first sent and how often."""

    __slots__ = ("began_ns", "number", "request", "tries")

    def __init__(self, number: int, request: bytes) -> None:
        self.number, self.request = number, request
        self.began_ns = self.tries = 0


class Desk(Protocol):
    """Who hears what a connection hears."""

    def answered(self, line: "Connection", errand: Errand, status: int, head: bytes, body: bytes) -> None: ...

    def unanswered(self, errand: Errand) -> None: ...


class Connection(asyncio.Protocol):
    """One connection, with at most one request in flight; it may be lost and made again.

    It comes from `source`, an address of this machine; any where that is None.
    """

    def __init__(self, desk: Desk, source: str | None = None) -> None:
        self._desk, self.source = desk, source
        self._transport: asyncio.Transport | None = None
        self._errand: Errand | None = None
        self._pending = b""
        self.lost = asyncio.Event()

    @property
    def stands(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None

    def send(self, errand: Errand) -> None:
        """Put a request on the wire. The connection must stand and be free."""
        assert self._transport is not None
        errand.tries += 1
        if errand.tries == 1:
            errand.began_ns = time.perf_counter_ns()
        self._errand = errand
        self._transport.write(errand.request)

    def hang_up(self) -> None:
        """Close at once; `lost` is set a little later."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:

        self._transport, self._pending = cast("asyncio.Transport", transport), b""  # uvloop has classes of its own
        self.lost.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.lost.set()
        errand, self._errand = self._errand, None
        if errand is not None:
            self._desk.unanswered(errand)

    def data_received(self, data: bytes) -> None:
        if self._pending:
            data = self._pending + data
        body_at = data.find(b"\r\n\r\n") + 4
        if body_at < 4 or len(data) < body_at + content_length(data[:body_at]):
            self._pending = data
            if len(data) > ANSWER_BYTES_MAX:
                self.hang_up()
            return
        self._pending = b""
        head = data[:body_at]
        if CLOSE in head:
            self.hang_up()
        errand, self._errand = self._errand, None
        if errand is not None:
            self._desk.answered(self, errand, int(data[9:12]), head, data[body_at:])


def content_length(head: bytes) -> int:
    """The length that a head announces; 0 without one. Servers write the name in any case."""
    text = _value(head, LENGTH)
    return int(text) if text.isdigit() else 0


def retry_after_s(head: bytes) -> float:
    """The seconds of a Retry-After; 0 without one, and for a date."""
    text = _value(head, RETRY_AFTER)
    return float(text) if text.isdigit() else 0.0


def _value(head: bytes, name: bytes) -> bytes:
    at = head.find(name)
    if at < 0:
        head = head.lower()
        at = head.find(name)
    return head[at + len(name) : head.index(b"\r", at)].strip() if at >= 0 else b""

"""The express lane: a plain placement goes from the socket to the batch without an ASGI conversation.

For each request uvicorn makes a task, an event and two coroutines that pass messages, and its parser calls back for
each header: together more than a third of what an order costs its process. A placement needs none of it: the whole body
is awaited anyway, and the answer is one write. Plain is what came in one piece and is written as every client writes
it, by one strict pattern. Whatever is not (in pieces, chunked, expecting, pipelined, upgrading, too long, oddly spelt,
a client that does not read) takes the way of all others, to the same steps in `orders.place_route`.
"""

import re
from typing import Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from keel.ids import ID_SHAPE
from millpond.corked import HEAD_BYTES_MAX, CorkedProtocol
from orders.place_route import PlaceRoute
from orders.responses import Response
from orders.schemas import BODY_BYTES_MAX

# One space, visible ASCII at both ends: what a reader on the way could understand differently is not plain.
_FIELD: Final = rb"[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?\r\n"
_PLAIN: Final = re.compile(
    rb"POST /v1/sales/(%b)/orders HTTP/1\.1\r\n((?:%b)+)\r\n" % (ID_SHAPE.encode(), _FIELD)
).match
_FIELDS: Final = re.compile(rb"([^:\r\n]+): ([^\r\n]+)\r\n").findall
_PIECE_BYTES_MAX: Final = HEAD_BYTES_MAX + BODY_BYTES_MAX
# The last three are looked at by what stands around the route: see millpond.cors and millpond.edge.
_NOT_PLAIN: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"origin", b"x-envelope", b"x-request-id"})
_KEEP_ALIVE: Final = {b"": True, b"keep-alive": True, b"close": False}


class _NobodyWaits:
    """Stands where uvicorn keeps the event that wakes a request's task."""

    def set(self) -> None:
        """Nothing to wake."""


class Express:
    """What the protocol keeps of a request under way, with the names that uvicorn's own class gives it."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    message_event: Final = _NobodyWaits()

    def __init__(self, *, keep_alive: bool) -> None:
        self.response_complete, self.disconnected = False, False
        self.keep_alive = keep_alive


def express_lane_to(place_route: PlaceRoute) -> type[CorkedProtocol]:
    """The protocol of a server whose placements go straight to this route."""

    class ExpressProtocol(ExpressLane):
        route = place_route

    return ExpressProtocol


class ExpressLane(CorkedProtocol):
    """See above. Subclassed with its route, because uvicorn makes protocols by class."""

    route: PlaceRoute

    def data_received(self, data: bytes) -> None:
        plain = _PLAIN(data) if self.is_between_requests and len(data) <= _PIECE_BYTES_MAX else None
        if plain is None or not self._is_taken(plain, data):
            super().data_received(data)

    def _is_taken(self, plain: "re.Match[bytes]", data: bytes) -> bool:
        headers = [(name.lower(), value) for name, value in _FIELDS(plain[2])]
        by_name = dict(headers)
        body = data[plain.end() :]
        keep_alive = _KEEP_ALIVE.get(by_name.get(b"connection", b"").lower())
        if keep_alive is None or len(by_name) < len(headers) or not _NOT_PLAIN.isdisjoint(by_name):
            return False
        if by_name.get(b"content-length") != b"%d" % len(body) or len(body) > BODY_BYTES_MAX:
            return False
        self.begin_whole()
        cycle = Express(keep_alive=keep_alive)
        self.cycle = cycle  # type: ignore[assignment]
        sale_id, host = plain[1].decode(), self._host(headers)
        self.route.express(sale_id, host, headers, body, lambda response: self._reply(cycle, response))
        return True

    def _host(self, headers: list[tuple[bytes, bytes]]) -> str:
        """The client's address; a trusted proxy's word for it where there is one."""
        host = self.client[0] if self.client else ""
        if isinstance(self.app, ProxyHeadersMiddleware) and host in (trusted := self.app.trusted_hosts):
            told = [value for name, value in headers if name == b"x-forwarded-for"]
            return trusted.get_trusted_client_address(b", ".join(told).decode("latin-1"))[0] or host
        return host

    def _reply(self, cycle: Express, response: Response) -> None:
        """Answer in one write. A client that is gone is passed over."""
        cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        status, headers, body = response
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += name, b": ", value, b"\r\n"
        parts.append(b"content-length: %d\r\n" % len(body))
        parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        parts.append(body)
        self.corked.write_whole(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

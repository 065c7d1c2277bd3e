"""The express lane: a plain placement goes from the parser to the batch without an ASGI conversation.

For each request uvicorn makes a task, an event and two coroutines that pass messages, which is a third of what an order
costs its process. A placement needs none of it: the whole body is awaited anyway, and the answer is one write. What is
not plain (chunked, expecting, pipelined, upgrading, too long, an oddly written path, a client that does not read) takes
the way of all others, to the same steps in `orders.place_route`.
"""

from typing import Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from keel.ids import ID_CHARS
from millpond.corked import CorkedProtocol
from orders.place_route import PlaceRoute
from orders.responses import Response
from orders.schemas import BODY_BYTES_MAX

_HEAD: Final = b"/v1/sales/"
_TAIL: Final = b"/orders"
_URL_BYTES: Final = len(_HEAD) + ID_CHARS + len(_TAIL)
# The last three are looked at by what stands around the route: see millpond.cors and millpond.edge.
_NOT_PLAIN: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"origin", b"x-envelope", b"x-request-id"})


class _NobodyWaits:
    """Stands where uvicorn keeps the event that wakes a request's task."""

    def set(self) -> None:
        """Nothing to wake."""


class Express:
    """What the protocol keeps of a request under way, with the names that uvicorn's own class gives it."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete")

    message_event: Final = _NobodyWaits()

    def __init__(self, *, keep_alive: bool) -> None:
        self.body = bytearray()
        self.more_body, self.response_complete, self.disconnected = True, False, False
        self.keep_alive = keep_alive


def express_lane_to(place_route: PlaceRoute) -> type[CorkedProtocol]:
    """The protocol of a server whose placements go straight to this route."""

    class ExpressProtocol(ExpressLane):
        route = place_route

    return ExpressProtocol


class ExpressLane(CorkedProtocol):
    """See above. Subclassed with its route, because uvicorn makes protocols by class."""

    route: PlaceRoute
    _express: Express | None = None

    def on_message_begin(self) -> None:
        """Begin a request; what ASGI wants to know of it is put together when it turns out to be needed."""
        self._begin_head()
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        if self._is_plain():
            self._is_in_head = False
            self._express = Express(keep_alive=self.parser.should_keep_alive())
            self.cycle = self._express  # type: ignore[assignment]
            return
        self._express = None
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # in place: the scope has this list
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        cycle = self._express
        if cycle is not None:
            sale_id = self.url[len(_HEAD) : -len(_TAIL)].decode("ascii", "replace")
            self.route.express(sale_id, self._host(), self.headers, bytes(cycle.body), lambda r: self._reply(cycle, r))

    def _is_plain(self) -> bool:
        url = self.url
        if len(url) != _URL_BYTES or not (url.startswith(_HEAD) and url.endswith(_TAIL)) or b"%" in url or b"?" in url:
            return False
        if self.flow.write_paused or not getattr(self.cycle, "response_complete", True):
            return False  # the client does not read, or an earlier request is being answered
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return False
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        return _NOT_PLAIN.isdisjoint(headers) and length.isdigit() and int(length) <= BODY_BYTES_MAX

    def _host(self) -> str:
        """The client's address; a trusted proxy's word for it where there is one."""
        host = self.client[0] if self.client else ""
        if isinstance(self.app, ProxyHeadersMiddleware) and host in (trusted := self.app.trusted_hosts):
            told = [value for name, value in self.headers if name == b"x-forwarded-for"]
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

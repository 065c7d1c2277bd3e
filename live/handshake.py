"""The HTTP part of a socket: who may open one at all. Everything else is said over the socket.

Browsers send an Origin that a page cannot change, so pages are held to a list. Mini-programs and programs without a
page send none, or that of their platform's frame; they are let in, for the token in hello is what lets anybody do
anything: no cookie is ever looked at.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from keel.buckets import Bucket, Rate, address_key
from keel.errors import PROBLEM_MEDIA_TYPE, NotFound, Refusal
from live.connection import ViewerConnection
from live.gateway_metrics import TURNED_AWAY
from live.socket_errors import OriginRefused, TooManySockets

PATH: Final = "/v1/live"
FRAMES_OF_PLATFORMS: Final = ("https://servicewechat.com", "https://tmaservice.developer.toutiao.com")

# A carrier hides thousands of viewers behind one address: so each of 5,000 has one message a second, and all may come
# back at the same moment, with a hello and a join. A single socket is kept to its own rate before that.
ADDRESS_MESSAGES: Final = Rate(per_s=5_000.0, burst=30_000)

AddressOf = Callable[[str, list[str]], str]
IsProxy = Callable[[str], bool]
Ready = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """How many sockets there may be, in all and of one address, and how much all of an address may say together."""

    sockets_max: int = 15_000
    per_address_max: int = 5_000
    address_messages: Rate = ADDRESS_MESSAGES


@dataclass(slots=True)
class _Neighbours:
    """What the sockets of one address have in common; forgotten with the last of them."""

    messages: Bucket
    sockets: int = 0


class Handshake:
    """Answers requests before they become sockets. `address_of` believes a trusted proxy's X-Forwarded-For."""

    def __init__(
        self, *, origins: list[str], limits: SocketLimits, address_of: AddressOf, is_proxy: IsProxy, ready: Ready
    ) -> None:
        self._origins, self.limits = frozenset((*origins, *FRAMES_OF_PLATFORMS)), limits
        self._address_of, self.is_proxy, self._ready = address_of, is_proxy, ready
        self._by_address: dict[str, _Neighbours] = {}
        self.open = 0

    def look(self, connection: ViewerConnection, request: Request) -> Response | Awaitable[Response] | None:
        """A response that ends it, now or later, or None where it may become a socket."""
        path = request.path.partition("?")[0]
        try:
            if path == "/healthz":
                return _json(200, {"status": "alive"})
            if path == "/readyz":
                return self._readiness()
            if path != PATH:
                raise NotFound(what="path")
            self._admit(connection, request.headers)
        except Refusal as refusal:
            if path == PATH:
                TURNED_AWAY.labels(status=str(refusal.status)).inc()
            return _refused(refusal)
        return None

    def release(self, connection: ViewerConnection) -> None:
        """A socket, or what was to become one, is gone."""
        if connection.address:
            self.open -= 1
            neighbours = self._by_address[connection.address]
            neighbours.sockets -= 1
            if not neighbours.sockets:
                del self._by_address[connection.address]
            connection.address = ""

    async def _readiness(self) -> Response:
        try:
            return _json(200, {"status": "ready", "checks": await self._ready()})
        except Refusal as refusal:
            return _refused(refusal)

    def _admit(self, connection: ViewerConnection, headers: Headers) -> None:
        """Count it. Raises OriginRefused and TooManySockets."""
        if not all(self._is_known(origin, headers.get_all("Host")) for origin in headers.get_all("Origin")):
            raise OriginRefused
        peer = connection.remote_address
        host = self._address_of(peer[0] if peer else "", headers.get_all("X-Forwarded-For"))
        address = address_key(host) or "unknown"
        if self.open >= self.limits.sockets_max:
            raise TooManySockets(sockets_max=self.limits.sockets_max)
        neighbours = self._by_address.get(address) or _Neighbours(Bucket(self.limits.address_messages))
        if neighbours.sockets >= self.limits.per_address_max:
            raise TooManySockets(sockets_max=self.limits.per_address_max)
        self.open += 1
        neighbours.sockets += 1
        self._by_address[address] = neighbours
        connection.address, connection.address_messages = address, neighbours.messages

    def _is_known(self, origin: str, hosts: list[str]) -> bool:
        """Whether pages of this origin may open sockets: those of the list, and those of this very host."""
        host = origin.partition("://")[2]
        return origin in self._origins or (bool(host) and host in hosts)


def _refused(refusal: Refusal) -> Response:
    return _json(refusal.status, refusal.document(), PROBLEM_MEDIA_TYPE, refusal.headers())


def _json(status: int, document: Any, media_type: str = "application/json", more: dict[str, str] = {}) -> Response:  # noqa: B006
    body = json.dumps(document).encode()
    headers = Headers({"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close", **more})
    return Response(status, _REASONS.get(status, "Refused"), headers, body)


_REASONS: Final = {200: "OK", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}

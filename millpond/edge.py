"""The outermost frame of every request: its id, and the envelope that some clients ask for.

An order has an id of its own and a key, so a request id is given to a placement only when its client sends one. Plain
placements do not pass here at all (see `millpond.express`).
"""

import logging
import secrets
from collections.abc import Iterable, MutableMapping
from itertools import count
from typing import Any, Final

from keel.logs import REQUEST_ID
from millpond.envelope import Envelope
from orders.place_route import App, Receive, Scope, Send

log = logging.getLogger(__name__)

REQUEST_ID_CHARS_MAX: Final = 64
_SIGNS: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")
_ID: Final = b"x-request-id"
_ENVELOPE: Final = b"x-envelope"
_LOOKED_FOR: Final = frozenset({_ID, _ENVELOPE})
_SALES: Final = "/v1/sales/"
_PLACEMENT: Final = "/orders"


class Edge:
    """Passes everything on to `app`."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._mark, self._numbers = f"{secrets.token_hex(6)}-", count(1)  # unlike any other process's

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            is_placement = path.startswith(_SALES) and path.endswith(_PLACEMENT)
            if not is_placement or _asks(scope["headers"]):
                send = self._framed(scope, send, is_placement=is_placement)
        await self._app(scope, receive, send)

    def _framed(self, scope: Scope, send: Send, *, is_placement: bool) -> Send:
        """A `send` that adds what was asked for."""
        asked = {name: value for name, value in scope["headers"] if name in _LOOKED_FOR}
        request_id = asked.get(_ID, b"")
        if not 0 < len(request_id) <= REQUEST_ID_CHARS_MAX or not _SIGNS.issuperset(request_id):
            request_id = f"{self._mark}{next(self._numbers):x}".encode()
        if not is_placement:
            # Placements share tasks, whose log lines would keep the id of whoever came first.
            REQUEST_ID.set(request_id.decode())

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (_ID, request_id)]
                if message["status"] == 500:
                    _note(scope, request_id)
            await send(message)

        return Envelope(answer) if asked.get(_ENVELOPE) == b"1" else answer


def _asks(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    for name, _ in headers:  # noqa: SIM110 - a generator takes three times as long
        if name in _LOOKED_FOR:
            return True
    return False


def _note(scope: Scope, request_id: bytes) -> None:
    """What went wrong was logged where it did; this says whose request it was."""
    extra = {"request_id": request_id.decode()}
    log.error("%s %s was answered 500", scope["method"], scope["path"], extra=extra)

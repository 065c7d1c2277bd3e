"""What every request meets that is no placement, before a framework reads a byte of it: two limits.

FastAPI reads a whole body before it looks at a token, so without this anybody could fill the memory. The placement
route stands further in front and has tighter limits of its own.
"""

from collections.abc import MutableMapping
from typing import Any, Final

from inventory.routes_import import IMPORT_PATH
from keel.buckets import TokenBuckets, address_key, spend
from keel.errors import Refusal, TooLarge
from keel.http import problem
from orders.place_route import App, ClientGone, Receive, Scope, Send, read_all

BODY_BYTES_MAX: Final = 64 * 1024
STREAMED_PATHS: Final = {IMPORT_PATH}  # larger bodies, which the route counts itself once it knows who sends them
UNCOUNTED_PATHS: Final = {"/healthz", "/readyz"}  # asked by those who restart us: never refused for a crowd


class Front:
    """Passes on to `app` what is within the limits. `addresses` are the buckets that placement takes from too."""

    def __init__(self, app: App, *, addresses: TokenBuckets) -> None:
        self._app, self._addresses = app, addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._count(scope)
            replayed = receive if scope["path"] in STREAMED_PATHS else _replay(await _body(scope, receive), receive)
        except Refusal as refusal:
            await problem(refusal)(scope, receive, send)
        except ClientGone:
            return
        else:
            await self._app(scope, replayed, send)

    def _count(self, scope: Scope) -> None:
        """Take a token of the client's address. Raises TooManyRequests."""
        if scope["path"] not in UNCOUNTED_PATHS:
            spend(self._addresses, address_key(scope["client"][0]) if scope.get("client") else "")


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises TooLarge, by the promised length before a byte is asked for, and ClientGone."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > BODY_BYTES_MAX:
            raise TooLarge(bytes_max=BODY_BYTES_MAX)
    return await read_all(receive, bytes_max=BODY_BYTES_MAX)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A body that was read, once more; after it, whatever the client does next."""
    told = False

    async def again() -> MutableMapping[str, Any]:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

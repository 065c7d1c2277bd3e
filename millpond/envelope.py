"""`{"code", "message", "data"}` around every JSON answer, for clients that were written for that: `X-Envelope: 1` asks.

The status stays what it is. `code` is 0 where all went well and the status where not, `data` is the answer as it would
have been: for a refusal, the whole problem document, whose `type` says more than a code.
"""

from collections.abc import MutableMapping
from typing import Any, Final

import msgspec

from keel.errors import PROBLEM_MEDIA_TYPE
from orders.place_route import Send

JSON: Final = b"application/json"
PROBLEM: Final = PROBLEM_MEDIA_TYPE.encode()


class _Problem(msgspec.Struct):
    title: str = ""


_read = msgspec.json.Decoder(_Problem).decode


class Envelope:
    """A `send` that wraps one JSON answer and lets any other pass."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: MutableMapping[str, Any] | None = None
        self._body = b""

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and _media_type(message) in {JSON, PROBLEM}:
            self._start = message
        elif self._start is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: MutableMapping[str, Any]) -> None:
        body = _wrapped(start["status"], self._body, is_problem=_media_type(start) == PROBLEM)
        replaced = {b"content-type": JSON, b"content-length": b"%d" % len(body)}
        kept = [(name, value) for name, value in start["headers"] if name.lower() not in replaced]
        await self._send({**start, "headers": [*kept, *replaced.items()]})
        await self._send({"type": "http.response.body", "body": body})


def _media_type(start: MutableMapping[str, Any]) -> bytes:
    found: bytes = next((value for name, value in start["headers"] if name.lower() == b"content-type"), b"")
    return found.partition(b";")[0].strip()


def _wrapped(status: int, body: bytes, *, is_problem: bool) -> bytes:
    message = _read(body).title if is_problem else "ok"
    code = 0 if status < 400 else status
    return b'{"code":%d,"message":%s,"data":%s}' % (code, msgspec.json.encode(message), body or b"null")

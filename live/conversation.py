"""What a client may say when: the protocol without a socket, a clock or a task (see docs/protocol.md).

The gateway hands in what came and carries out what `receive` returns. A refusal is answered and the talk goes on; a
`Goodbye` ends it. One conversation per socket, so it is small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from keel.buckets import Bucket, Rate, too_many
from keel.errors import Malformed, Refusal
from live.close_codes import NOT_UTF8, CloseCode
from live.messages import Hello, Join, PlaceRequest, Request
from live.socket_errors import HelloFirst, NotJoined, TooManyRooms

HELLO_WITHIN_S: Final = 5.0
MESSAGES: Final = Rate(per_s=10.0, burst=30)
FAULTS_MAX: Final = 10  # unreadable messages on one socket
FLOOD_MAX: Final = 100  # messages in a row above the socket's own rate: whoever sends these does not listen
DETAIL_CHARS_MAX: Final = 300

Decode = Callable[[bytes], Request]


class _OnlyRef(msgspec.Struct):
    """What is looked for in a message that was not understood."""

    ref: str | None = None


_only_ref: Final = msgspec.json.Decoder(_OnlyRef).decode


@dataclass(frozen=True, slots=True)
class Limits:
    """What one socket may do: messages, and rooms at a time."""

    messages: Rate = MESSAGES
    rooms_max: int = 4


class Refused(Exception):
    """A message that is answered with a problem, under the ref that it had."""

    def __init__(self, refusal: Refusal, ref: str | None = None) -> None:
        super().__init__(refusal)
        self.refusal, self.ref = refusal, ref


class Goodbye(Exception):
    """The socket has to be closed, with this code."""

    def __init__(self, code: int, refusal: Refusal | None = None) -> None:
        super().__init__(code)
        self.code, self.refusal = code, refusal


class Conversation:
    """One socket's: has it said hello, where is it, how fast does it talk. Times are monotonic seconds."""

    __slots__ = ("_decode", "_faults", "_flooded", "_full_at_s", "_limits", "greeted", "places", "since_s")

    def __init__(self, decode: Decode, limits: Limits, *, now_s: float) -> None:
        self._decode, self._limits = decode, limits
        self._full_at_s = self.since_s = now_s
        self._faults = self._flooded = 0
        self.greeted = False
        self.places: set[str] = set()

    def receive(self, text: bytes, *, now_s: float, address: Bucket) -> Request:
        """The next message, if it may be said now. Raises Refused and Goodbye.

        `address`: of all sockets of this one's address. What a socket may not say takes nothing from its neighbours.
        """
        self._full_at_s, wait_s = self._limits.messages.take(self._full_at_s, now_s)
        if wait_s:
            raise self._flood(wait_s, text)
        self._flooded = 0
        wait_s = address.take(now_s)
        if wait_s:  # its neighbours', so it is never closed for that
            raise Refused(too_many(wait_s), _ref_of(text))
        message = self._read(text)
        if not self.greeted and not isinstance(message, Hello):
            raise Goodbye(CloseCode.HELLO_FIRST, HelloFirst())
        if isinstance(message, PlaceRequest) and message.place not in self.places:
            raise Refused(NotJoined(place=message.place), message.ref)
        if isinstance(message, Join):
            self.require_seat(message)
        return message

    def require_seat(self, message: Join) -> None:
        """Raises Refused where the socket is in as many rooms as it may be in: asked again when the room is there, for
        several joins may be under way."""
        if len(self.places | {message.place}) > self._limits.rooms_max:
            raise Refused(TooManyRooms(rooms_max=self._limits.rooms_max), message.ref)

    def is_late(self, now_s: float) -> bool:
        """Whether hello is overdue."""
        return not self.greeted and now_s - self.since_s > HELLO_WITHIN_S

    def _flood(self, wait_s: float, text: bytes) -> Exception:
        self._flooded += 1
        refusal = too_many(wait_s)
        if self._flooded > FLOOD_MAX:
            return Goodbye(CloseCode.FLOOD, refusal)
        return Refused(refusal, _ref_of(text))

    def _read(self, text: bytes) -> Request:
        try:
            return self._decode(text)
        except RecursionError:
            raise self._fault("nested too deeply", text) from None
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            if not _is_utf8(text):  # RFC 6455, 8.1: the connection fails
                raise Goodbye(NOT_UTF8, Malformed(detail="the message is not UTF-8")) from None
            raise self._fault(str(error)[:DETAIL_CHARS_MAX], text) from error

    def _fault(self, detail: str, text: bytes) -> Exception:
        self._faults += 1
        refusal = Malformed(detail=detail)
        if self._faults > FAULTS_MAX:
            return Goodbye(CloseCode.UNREADABLE, refusal)
        return Refused(refusal, _ref_of(text))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ref_of(text: bytes) -> str | None:
    """The ref of a message that was not taken, where it has one that is fit to be repeated."""
    try:
        ref = _only_ref(text).ref
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return ref if ref is not None and len(ref) <= 64 and ref.isascii() and ref.isprintable() else None

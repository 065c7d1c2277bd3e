"""Refusals of the socket. Everything else that is said no to is the refusal that HTTP has."""

from dataclasses import dataclass
from typing import ClassVar

from keel.errors import Refusal


@dataclass(eq=False)
class HelloFirst(Refusal):
    """Something was said before hello."""

    status: ClassVar = 409
    title: ClassVar = "Say hello first"


@dataclass(eq=False)
class NotJoined(Refusal):
    """A message about a room that this socket has not joined."""

    place: str
    status: ClassVar = 409
    title: ClassVar = "Join the room first"


@dataclass(eq=False)
class TooManyRooms(Refusal):
    """The socket is in as many rooms as one may be in."""

    rooms_max: int
    status: ClassVar = 409
    title: ClassVar = "Leave a room before you join another"


@dataclass(eq=False)
class TooManySockets(Refusal):
    """More sockets than one address may have, or than this gateway takes."""

    sockets_max: int
    retry_after_s: float = 5.0
    status: ClassVar = 429
    title: ClassVar = "Too many sockets"


@dataclass(eq=False)
class OriginRefused(Refusal):
    """A page of an origin that is not on the list opened the socket."""

    status: ClassVar = 403
    title: ClassVar = "Pages of this origin may not open sockets here"


@dataclass(eq=False)
class CustomersOnly(Refusal):
    """A guest without an access token asked for what only a customer may do."""

    status: ClassVar = 401
    title: ClassVar = "Say hello with an access token to do this"


@dataclass(eq=False)
class SomebodyElse(Refusal):
    """A second hello of another person than the first."""

    status: ClassVar = 409
    title: ClassVar = "This socket is somebody else's: open another one"

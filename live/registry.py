"""What the gateway can be asked beyond joining: requests of other packages, registered by whoever composes the process.

    registry.customers(OrderPlace, orders.place)                 # answered through `reply`, now or later
    registry.staff(SalePause, SELLERS, pause_sale_of(selling))   # a coroutine's result is the answer

`reply` takes an answer (a message of ours, or any JSON data as the result of `done`), a refusal or another error, or a
coroutine whose result it will be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar, Union

import msgspec

from keel.errors import Forbidden, NotSignedIn
from keel.identity import EVERYBODY, Role
from live.messages import Answer, Hello, Join, Leave, Request
from live.socket_errors import CustomersOnly
from live.viewers import Caller, Viewer

M = TypeVar("M", bound=Request)
Reply = Callable[[object], None]
Direct = Callable[[Caller, M, Reply], None]
Work = Callable[[Caller, M], object]  # the answer, or a coroutine that gives it

OF_THE_SOCKET: Final = (Hello, Join, Leave)


class Who(Enum):
    """Who may send a request."""

    ANYBODY = "anybody who said hello"
    CUSTOMERS = "customers"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that is understood: who may send it, and what happens."""

    message: type[Request]
    who: Who
    roles: frozenset[Role]
    handle: Direct[Any]
    answer: type[Answer] | None

    @property
    def name(self) -> str:
        """The message's `type` on the wire."""
        return str(self.message.__struct_config__.tag)

    def admit(self, viewer: Viewer) -> None:
        """Raises CustomersOnly, NotSignedIn and Forbidden."""
        if self.who is Who.CUSTOMERS and viewer.claims is None:
            raise CustomersOnly
        if self.who is Who.STAFF:
            if viewer.principal is None:
                raise NotSignedIn
            if viewer.principal.role not in self.roles:
                raise Forbidden(role=viewer.principal.role)


class Registry:
    """Requests by their type. Filled before the gateway starts."""

    def __init__(self) -> None:
        self._entries: dict[type[Request], Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def anybody(self, message: type[M], work: Work[M], *, answer: type[Answer] | None = None) -> None:
        """A request that whoever said hello may send."""
        self._add(Entry(message, Who.ANYBODY, EVERYBODY, _through(work), answer))

    def customers(self, message: type[M], direct: Direct[M], *, answer: type[Answer] | None = None) -> None:
        """A request of customers, guests with a token of accounts among them, that costs no task of its own."""
        self._add(Entry(message, Who.CUSTOMERS, EVERYBODY, direct, answer))

    def staff(self, message: type[M], roles: frozenset[Role], work: Work[M]) -> None:
        """A command of members of staff with one of these roles."""
        self._add(Entry(message, Who.STAFF, roles, _through(work), None))

    def of(self, message: Request) -> Entry:
        """What is registered for a message that was decoded."""
        return self._entries[type(message)]

    def decoder(self) -> "msgspec.json.Decoder[Request]":
        """Reads every message that is understood."""
        known = (*OF_THE_SOCKET, *self._entries)
        return msgspec.json.Decoder(Union[known])  # noqa: UP007 -- made of a list

    def _add(self, entry: Entry) -> None:
        assert entry.message not in self._entries, "each type has one owner"
        self._entries[entry.message] = entry


def _through(work: Work[M]) -> Direct[M]:
    return lambda caller, message, reply: reply(work(caller, message))

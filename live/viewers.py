"""Who is at the other end of a socket."""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.tokens import Claims
from keel.identity import Principal


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who said hello: a customer by his token, staff by a principal too, or a guest, who watches anywhere.

    `token` is None for staff with a fixed token of the settings.
    """

    id: str
    token: Claims | None = None
    principal: Principal | None = None

    @property
    def claims(self) -> Claims | None:
        """A customer's claims."""
        return self.token if self.principal is None else None

    @property
    def merchant_id(self) -> str | None:
        """The merchant whose customer or staff it is."""
        if self.principal is not None:
            return self.principal.merchant_id
        return None if self.token is None else self.token.mid

    @property
    def people(self) -> tuple[str, ...]:
        """Every id under which it may have been silenced."""
        return (self.id,) if self.claims is None else self.claims.people

    @property
    def is_guest(self) -> bool:
        """Nobody knows who it is."""
        return self.token is None and self.principal is None

    def may_become(self, other: "Viewer") -> bool:
        """Whether a second hello may say this: the same person with a fresher token, or who the guest is."""
        if self.is_guest or self.id == other.id:
            return True
        return other.claims is not None and self.id in other.claims.was


@dataclass(frozen=True, slots=True)
class Seat:
    """A viewer's place in a room: since when, in ms, and in which broadcast where one was on.

    The `place` is the room, or a rehearsal of it.
    """

    place: str
    merchant_id: str
    room_id: str
    session_id: str | None
    since_ms: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, from where, and the rooms that this socket is in."""

    viewer: Viewer
    address: str
    seats: Mapping[str, Seat]

    @property
    def principal(self) -> Principal:
        """The member of staff; a command that is registered for staff is called by nobody else."""
        assert self.viewer.principal is not None
        return self.viewer.principal

    @property
    def claims(self) -> Claims:
        """The customer's claims; a request that is registered for customers is called by nobody else."""
        assert self.viewer.claims is not None
        return self.viewer.claims

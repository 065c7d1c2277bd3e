"""Who is asking: a value that every package understands, and the doors that staff routes go through."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fastapi import Request

from keel.errors import Forbidden, NotSignedIn


class Role(StrEnum):
    """What a member of staff is to a merchant."""

    OWNER = "owner"
    HOST = "host"
    OPERATOR = "operator"
    ANALYST = "analyst"


EVERYBODY: Final = frozenset(Role)
SELLERS: Final = frozenset({Role.OWNER, Role.HOST, Role.OPERATOR})  # run a sale that is prepared
MANAGERS: Final = frozenset({Role.OWNER, Role.OPERATOR})  # prepare: catalogue, prices, stock, orders
OWNERS: Final = frozenset({Role.OWNER})  # people and secrets


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody known, of one merchant. `subject` names the person or token in the audit."""

    merchant_id: str
    subject: str
    role: Role


def staff_of(request: Request) -> Principal:
    """The member of staff behind a request. Raises NotSignedIn.

    Who may pass is decided by `app.state.authenticate_staff`: it takes the Authorization header (or None) and returns a
    Principal (or None).
    """
    principal: Principal | None = request.app.state.authenticate_staff(request.headers.get("authorization"))
    if principal is None:
        raise NotSignedIn
    return principal


def staff_as(roles: frozenset[Role]) -> Callable[[Request], Awaitable[Principal]]:
    """A door for members of staff with one of these roles. It raises NotSignedIn and Forbidden."""

    async def door(request: Request) -> Principal:
        principal = staff_of(request)
        if principal.role not in roles:
            raise Forbidden(role=principal.role)
        return principal

    return door

"""Who is asking: a value that every package understands, and the door that staff routes go through."""

from dataclasses import dataclass

from fastapi import Request

from keel.errors import NotSignedIn


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody known, of one merchant. `subject` names the person or token in the audit."""

    merchant_id: str
    subject: str
    role: str


async def staff(request: Request) -> Principal:
    """The member of staff behind a request. Raises NotSignedIn.

    Who may pass is decided by `app.state.authenticate_staff`: it takes the Authorization header (or None) and returns a
    Principal (or None).
    """
    principal: Principal | None = request.app.state.authenticate_staff(request.headers.get("authorization"))
    if principal is None:
        raise NotSignedIn
    return principal

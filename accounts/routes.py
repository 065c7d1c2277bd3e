"""What the routes of people share, and the ways in: staff by password, customers through a provider.

Whoever is here need not be signed in; a refresh token, a password, a code or an invitation says who it is.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from accounts import customers, staff_sign_in
from accounts.limits import SignInLimits
from accounts.members import PAGE_MAX
from accounts.people import People, SignedIn
from accounts.providers import Code
from accounts.schemas import (
    AcceptWish,
    CustomerLoginWish,
    CustomerPair,
    GuestWish,
    LoginWish,
    LogoutWish,
    RefreshWish,
    StaffPair,
)
from accounts.tokens import Claims
from keel.identity import Role
from keel.ids import ID_PATTERN

PathId = Annotated[str, Path(pattern=ID_PATTERN)]
Below = Annotated[str | None, Query(pattern=ID_PATTERN)]
Count = Annotated[int, Query(ge=1, le=PAGE_MAX)]

staff = APIRouter(prefix="/v1/staff", tags=["staff sign-in"])
auth = APIRouter(prefix="/v1/auth", tags=["customer sign-in"])


async def people_of(request: Request) -> People:
    """What the use cases need, as wired by millpond."""
    people: People = request.app.state.people
    return people


async def counted_password(request: Request) -> None:
    """Count an attempt of this address. Raises TooManyRequests."""
    limits: SignInLimits = request.app.state.sign_in_limits
    limits.password(_address(request))


async def counted_visitor(request: Request) -> None:
    """Count a visitor of this address. Raises TooManyRequests."""
    limits: SignInLimits = request.app.state.sign_in_limits
    limits.visitor(_address(request))


async def guest_of(request: Request, people: "Here") -> Claims | None:
    """Who comes with a token, where there is one. One that is not good is refused: a guest is not lost in silence."""
    sent = request.headers.get("authorization")
    return None if sent is None else people.tokens.check(sent.encode("latin-1"))


Here = Annotated[People, Depends(people_of)]
Guest = Annotated[Claims | None, Depends(guest_of)]
CountedPassword = Annotated[None, Depends(counted_password)]
PASSWORD = [Depends(counted_password)]
VISITOR = [Depends(counted_visitor)]


@staff.post("/login", dependencies=PASSWORD)
async def login(request: Request, people: Here, wish: LoginWish) -> StaffPair:
    """Sign in with e-mail and password."""
    limits: SignInLimits = request.app.state.sign_in_limits
    limits.email(wish.email, _address(request))
    typed = staff_sign_in.Credentials(wish.email, wish.password, wish.merchant_id)
    return staff_pair(await staff_sign_in.login(people, typed))


@staff.post("/refresh")
async def refresh(people: Here, wish: RefreshWish) -> StaffPair:
    """A new pair of tokens for a refresh token, which is good once."""
    return staff_pair(await staff_sign_in.refresh(people, wish.refresh_token))


@staff.post("/logout", status_code=204)
async def logout(people: Here, wish: LogoutWish) -> None:
    """Sign out here, or everywhere. Safe to repeat."""
    await staff_sign_in.logout(people, wish.refresh_token, everywhere=wish.everywhere)


@staff.post("/accept", dependencies=PASSWORD)
async def accept(people: Here, wish: AcceptWish) -> StaffPair:
    """Choose a password with an invitation, and be signed in."""
    return staff_pair(await staff_sign_in.accept(people, wish.invitation, wish.password))


@auth.post("/guest", dependencies=VISITOR)
async def come_as_guest(people: Here, wish: GuestWish) -> CustomerPair:
    """Come in without saying who you are; sign in later and keep what you did."""
    return customer_pair(await customers.come_as_guest(people, wish.app_id))


@auth.post("/login", dependencies=VISITOR)
async def sign_in(people: Here, guest: Guest, wish: CustomerLoginWish) -> CustomerPair:
    """Sign in with a code of the app's provider. A guest's token, sent along, makes the guest that customer."""
    code = Code(wish.code, anonymous=wish.anonymous)
    return customer_pair(await customers.login(people, wish.app_id, code, guest))


@auth.post("/refresh")
async def go_on(people: Here, wish: RefreshWish) -> CustomerPair:
    """A new pair of tokens for a refresh token, which is good once."""
    return customer_pair(await customers.refresh(people, wish.refresh_token))


@auth.post("/logout", status_code=204)
async def leave(people: Here, wish: LogoutWish) -> None:
    """Sign out here, or everywhere. Safe to repeat."""
    await customers.logout(people, wish.refresh_token, everywhere=wish.everywhere)


def staff_pair(signed_in: SignedIn) -> StaffPair:
    """Tokens of a member of staff."""
    assert signed_in.role is not None
    return StaffPair(
        access_token=signed_in.access,
        refresh_token=signed_in.refresh,
        merchant_id=signed_in.merchant_id,
        staff_id=signed_in.subject_id,
        role=Role(signed_in.role),
    )


def customer_pair(signed_in: SignedIn) -> CustomerPair:
    """Tokens of a customer."""
    return CustomerPair(
        access_token=signed_in.access,
        refresh_token=signed_in.refresh,
        merchant_id=signed_in.merchant_id,
        customer_id=signed_in.subject_id,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

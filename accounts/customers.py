"""Use cases of customers who come as guests, sign in through a provider, go on, and sign out; and of staff who block.

A guest is a customer in waiting: a row like any other, and whoever signs in from there becomes that very customer, so
orders and all else that names it stay as they are. Only where the person is a customer already, the two cannot be one
row: then the guest is noted as theirs, and their tokens name it (docs/decisions).
"""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from accounts import store_customers as store
from accounts.errors import SignInRefused
from accounts.people import Kind, People, SignedIn
from accounts.providers import Code, CodeRefused, Known, ProviderSilent
from accounts.refresh_tokens import RefreshToken
from accounts.refreshing import renew, signed_in
from accounts.tables import AppRow, SignInRow
from accounts.tokens import ACCESS_TTL_S, WAS_MAX, Claims
from keel.database import edge
from keel.errors import Conflict, NotSignedIn, Unavailable
from keel.identity import Principal

RACES_MAX: Final = 3
GUESTS_MAX: Final = 200  # looked at for one token


class _SomebodyWasFaster(Exception):
    """Another process noted this identity between our look and our note."""


async def come_as_guest(people: People, app_id: str) -> SignedIn:
    """A new guest of the app's merchant. Raises NotFound."""
    async with edge(people.sessions) as session:
        app = await store.public_app(session, app_id)
        guest_id = await _new_customer(people, session, app.merchant_id)
        token = await people.begin(session, Kind.CUSTOMER, app.merchant_id, guest_id)
    return _signed_in(people, app.merchant_id, guest_id, token, ())


async def login(people: People, app_id: str, code: Code, guest: Claims | None = None) -> SignedIn:
    """Sign in with a provider's code; `guest` is who came with it. Raises NotFound, SignInRefused and Unavailable."""
    async with edge(people.sessions) as session:
        app = await store.public_app(session, app_id)
    if guest is not None and guest.mid != app.merchant_id:
        raise NotSignedIn
    known = await _exchanged(people, app, code)
    for _ in range(RACES_MAX):
        try:
            async with edge(people.sessions) as session:
                return await _begin(people, session, app, known, guest)
        except _SomebodyWasFaster:
            continue
    raise Unavailable(detail="somebody signs in with this identity at this very moment")


async def refresh(people: People, text: str) -> SignedIn:
    """A new pair for a refresh token. Raises SignInRefused; a token that was used before ends its sign-in."""
    async with edge(people.sessions) as session:
        renewed = await renew(people, session, Kind.CUSTOMER, text)
        found = None if renewed is None else await _standing(people, session, renewed.row)
    if renewed is None or found is None:
        raise SignInRefused
    return _signed_in(people, renewed.row.merchant_id, renewed.row.subject_id, renewed.token, found)


async def logout(people: People, text: str, *, everywhere: bool) -> None:
    """Sign out here or everywhere. A token that is not good any more changes nothing."""
    async with edge(people.sessions) as session:
        row = await signed_in(people, session, Kind.CUSTOMER, text)
        if row is not None:
            await store.lock_customer(session, row.merchant_id, row.subject_id, alone=True)
            await people.end(session, row.merchant_id, row.subject_id, only=None if everywhere else row.id)


async def block(people: People, by: Principal, customer_id: str) -> None:
    """Let a customer in no more, from within seconds. Safe to repeat. Raises NotFound.

    Orders of a guest who became somebody name the guest: who is meant here and below is the person.
    """
    async with edge(people.sessions) as session:
        customer_id = await store.person_of(session, by.merchant_id, customer_id)
        customer = await store.lock_customer(session, by.merchant_id, customer_id, alone=True)
        if customer.blocked_at is None:
            await store.set_blocked(session, by.merchant_id, customer_id, people.clock.now())
        await people.shut_out(session, by.merchant_id, customer_id)
        people.audit(session, by, "customer.block", customer_id)


async def unblock(people: People, by: Principal, customer_id: str) -> None:
    """Let a customer in again. Safe to repeat. Raises NotFound."""
    async with edge(people.sessions) as session:
        customer_id = await store.person_of(session, by.merchant_id, customer_id)
        customer = await store.lock_customer(session, by.merchant_id, customer_id, alone=True)
        if customer.blocked_at is not None:
            await store.set_blocked(session, by.merchant_id, customer_id, None)
            await people.let_in(session, by.merchant_id, customer_id)
            people.audit(session, by, "customer.unblock", customer_id)


async def sign_out_everywhere(people: People, by: Principal, customer_id: str) -> None:
    """End all of a customer's sign-ins. Raises NotFound."""
    async with edge(people.sessions) as session:
        customer_id = await store.person_of(session, by.merchant_id, customer_id)
        await store.lock_customer(session, by.merchant_id, customer_id, alone=True)
        ended = await people.end(session, by.merchant_id, customer_id)
        people.audit(session, by, "customer.sign_out", customer_id, ended=ended)


async def _exchanged(people: People, app: AppRow, code: Code) -> Known:
    provider = people.providers.get(app.provider)
    if provider is None:
        raise Conflict(detail=f"this server does not exchange codes of {app.provider}")
    try:
        return await provider.exchange(app.app_id, code)
    except CodeRefused as refusal:
        raise SignInRefused from refusal
    except ProviderSilent as silence:
        raise Unavailable(detail=f"{app.provider} does not answer") from silence


async def _begin(people: People, session: AsyncSession, app: AppRow, known: Known, guest: Claims | None) -> SignedIn:
    """Begin a sign-in as whoever this is known to be. Raises SignInRefused and _SomebodyWasFaster."""
    guest_id = await _standing_guest(session, app, guest)
    customer_id = await _customer_of(people, session, app, known, guest_id)
    customer = await store.lock_customer(session, app.merchant_id, customer_id, alone=False)
    if customer.blocked_at is not None or customer.erased_at is not None:
        raise SignInRefused
    if guest_id == customer_id:  # whoever was a guest here before, on a shared device say, does not become this person
        await people.end(session, app.merchant_id, customer_id)
    elif guest_id is not None:
        now = people.clock.now()
        values = {"merchant_id": app.merchant_id, "guest_id": guest_id, "customer_id": customer_id, "at": now}
        await store.add_guest(session, **values)
        await people.retire(session, app.merchant_id, guest_id)
    token = await people.begin(session, Kind.CUSTOMER, app.merchant_id, customer_id)
    was = await _was(people, session, app.merchant_id, customer_id)
    return _signed_in(people, app.merchant_id, customer_id, token, was)


async def _standing_guest(session: AsyncSession, app: AppRow, guest: Claims | None) -> str | None:
    """Who came, locked, where that is a guest: whoever signed in as somebody is not made somebody else."""
    if guest is None or await store.find_customer(session, app.merchant_id, guest.sub) is None:
        return None
    await store.lock_customer(session, app.merchant_id, guest.sub, alone=True)
    return guest.sub if await store.is_guest(session, app.merchant_id, guest.sub) else None


async def _customer_of(people: People, session: AsyncSession, app: AppRow, known: Known, guest_id: str | None) -> str:
    """The customer that an identity belongs to. A new one is the provider's by union id, else the guest, else new."""
    seen = await store.identity(session, app, known.subject)
    if seen is not None:
        if known.union_id is not None and seen.union_id is None:
            await store.see_union(session, seen, known.union_id)
        return seen.customer_id
    found = await store.customer_of_union(session, app, known.union_id) if known.union_id else None
    customer_id = found or guest_id or await _new_customer(people, session, app.merchant_id)
    values: dict[str, Any] = {"merchant_id": app.merchant_id, "app_id": app.id, "customer_id": customer_id}
    values |= {"subject": known.subject, "union_id": known.union_id, "created_at": people.clock.now()}
    if not await store.add_identity(session, **values):
        raise _SomebodyWasFaster
    return customer_id


async def _standing(people: People, session: AsyncSession, row: SignInRow) -> tuple[str, ...] | None:
    """The guests whom a customer was; None where they may not come in any more."""
    customer = await store.find_customer(session, row.merchant_id, row.subject_id)
    if customer is None or customer.blocked_at is not None or customer.erased_at is not None:
        return None
    return await _was(people, session, row.merchant_id, row.subject_id)


async def _was(people: People, session: AsyncSession, merchant_id: str, customer_id: str) -> tuple[str, ...]:
    """The guests whom a token names: the newest, who may be doing something now, and of the others those who did."""
    guests = await store.guests_of(session, merchant_id, customer_id, GUESTS_MAX)
    if len(guests) <= WAS_MAX:
        return guests
    acted = await people.who_acted(session, merchant_id, guests)
    return tuple(guest for guest in guests if guest == guests[0] or guest in acted)[:WAS_MAX]


async def _new_customer(people: People, session: AsyncSession, merchant_id: str) -> str:
    customer_id = people.ids.new()
    await store.add_customer(session, id=customer_id, merchant_id=merchant_id, created_at=people.clock.now())
    return customer_id


def _signed_in(
    people: People, merchant_id: str, customer_id: str, token: RefreshToken, was: tuple[str, ...]
) -> SignedIn:
    access = people.tokens.sign(
        customer_id=customer_id, merchant_id=merchant_id, ttl_s=ACCESS_TTL_S, sign_in_id=token.sign_in_id, was=was
    )
    return SignedIn(access, token.text(), merchant_id, customer_id)

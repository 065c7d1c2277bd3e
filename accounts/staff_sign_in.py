"""Use cases of staff who sign in, go on, and sign out."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from accounts import store
from accounts.errors import SignInRefused
from accounts.people import Kind, People, SignedIn
from accounts.refresh_tokens import RefreshToken, digest
from accounts.refreshing import renew, signed_in
from accounts.tables import StaffRow
from accounts.tokens import ACCESS_TTL_S
from keel.database import edge
from keel.errors import Conflict
from keel.identity import Principal, Role
from keel.ids import is_id


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is typed in. Without a merchant, the one where this e-mail has been known longest."""

    email: str
    password: str
    merchant_id: str | None = None


async def login(people: People, typed: Credentials) -> SignedIn:
    """Sign in by e-mail and password. Raises SignInRefused, after the same time whatever was wrong."""
    async with edge(people.sessions) as session:
        found = await store.staff_by_email(session, typed.email, typed.merchant_id)
    stored = found.password_hash if found else None
    if not await people.passwords.good(typed.password, stored) or found is None or stored is None:
        raise SignInRefused
    renewed = await people.passwords.hash(typed.password) if people.passwords.outdated(stored) else stored
    async with edge(people.sessions) as session:
        staff = await store.lock_staff(session, found.merchant_id, found.id)
        if staff.disabled_at is not None or staff.password_hash != stored:
            raise SignInRefused  # disabled, or the password changed, while it was being compared
        if renewed != stored:
            await store.change_staff(session, staff, password_hash=renewed)
        token = await people.begin(session, Kind.STAFF, staff.merchant_id, staff.id)
        people.audit(session, principal(staff), "staff.login", staff.id)
    return _signed_in(people, staff, token)


async def refresh(people: People, text: str) -> SignedIn:
    """A new pair for a refresh token. Raises SignInRefused; a token that was used before ends its sign-in."""
    async with edge(people.sessions) as session:
        renewed = await renew(people, session, Kind.STAFF, text)
        staff = renewed and await store.find_staff(session, renewed.row.merchant_id, renewed.row.subject_id)
    if not renewed or not staff or staff.disabled_at is not None:
        raise SignInRefused
    return _signed_in(people, staff, renewed.token)


async def logout(people: People, text: str, *, everywhere: bool) -> None:
    """Sign out here or everywhere. A token that is not good any more changes nothing."""
    async with edge(people.sessions) as session:
        row = await signed_in(people, session, Kind.STAFF, text)
        if row is None:
            return
        staff = await store.lock_staff(session, row.merchant_id, row.subject_id)
        if await people.end(session, row.merchant_id, row.subject_id, only=None if everywhere else row.id):
            people.audit(session, principal(staff), "staff.logout", staff.id, everywhere=everywhere)


async def accept(people: People, invitation: str, password: str) -> SignedIn:
    """Choose a password with an invitation, once, and be signed in. Raises SignInRefused."""
    stored = await people.passwords.hash(password)
    async with edge(people.sessions) as session:
        staff = await store.staff_by_invitation(session, digest(invitation.encode()))
        if staff is None or staff.disabled_at is not None:
            raise SignInRefused
        if staff.invitation_until is None or staff.invitation_until <= people.clock.now():
            raise SignInRefused
        token = await _with_password(people, session, staff, stored, "staff.accept")
    return _signed_in(people, staff, token)


async def set_password(people: People, by: Principal, staff_id: str, password: str) -> None:
    """Give a member a password; every sign-in of theirs ends. Raises NotFound, and Conflict where they are disabled."""
    stored = await people.passwords.hash(password)
    async with edge(people.sessions) as session:
        staff = await store.lock_staff(session, by.merchant_id, staff_id)
        if staff.disabled_at is not None:
            raise Conflict(detail="this member is disabled")
        await _give_password(people, session, staff, stored)
        people.audit(session, by, "staff.password", staff.id)


async def change_password(people: People, by: Principal, *, old: str, new: str) -> SignedIn:
    """Another password for oneself; every other sign-in ends. Raises SignInRefused for a wrong old one."""
    async with edge(people.sessions) as session:
        found = await store.find_staff(session, by.merchant_id, by.subject) if is_id(by.subject) else None
    if found is None:
        raise Conflict(detail="a fixed token of the settings has no password")
    if not await people.passwords.good(old, found.password_hash):
        raise SignInRefused
    stored = await people.passwords.hash(new)
    async with edge(people.sessions) as session:
        staff = await store.lock_staff(session, found.merchant_id, found.id)
        if staff.password_hash != found.password_hash or staff.disabled_at is not None:
            raise SignInRefused
        token = await _with_password(people, session, staff, stored, "staff.password")
    return _signed_in(people, staff, token)


async def _with_password(
    people: People, session: AsyncSession, staff: StaffRow, stored: str, command: str
) -> RefreshToken:
    """Give a member who is locked a password of their own choice, and begin a sign-in with it."""
    await _give_password(people, session, staff, stored)
    people.audit(session, principal(staff), command, staff.id)
    return await people.begin(session, Kind.STAFF, staff.merchant_id, staff.id)


async def _give_password(people: People, session: AsyncSession, staff: StaffRow, stored: str) -> None:
    """Change the password of a member who is locked: what was open with the old one ends."""
    await store.change_staff(session, staff, password_hash=stored, invitation_digest=None, invitation_until=None)
    await people.end(session, staff.merchant_id, staff.id)


def principal(staff: StaffRow) -> Principal:
    """A member of staff as the one who does something."""
    return Principal(staff.merchant_id, staff.id, Role(staff.role))


def _signed_in(people: People, staff: StaffRow, token: RefreshToken) -> SignedIn:
    access = people.tokens.sign_staff(
        staff_id=staff.id,
        merchant_id=staff.merchant_id,
        role=staff.role,
        sign_in_id=token.sign_in_id,
        ttl_s=ACCESS_TTL_S,
    )
    return SignedIn(access, token.text(), staff.merchant_id, staff.id, role=staff.role)

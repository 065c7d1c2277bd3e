"""Use cases of owners: who works for the merchant, as what, and what they did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from accounts import store
from accounts.people import People
from accounts.refresh_tokens import digest, new_invitation
from accounts.tables import MerchantRow, StaffRow
from keel.database import edge
from keel.errors import Conflict
from keel.identity import Principal, Role
from keel.tables import StaffAuditRow

INVITATION_TTL: Final = timedelta(days=7)
PAGE_MAX: Final = 100
LAST_OWNER: Final = "the last owner who can sign in stays an owner"


@dataclass(frozen=True, slots=True)
class Invited:
    """A member, and the secret with which they choose a password: handed over once, kept nowhere."""

    member: StaffRow
    invitation: str
    until: datetime


async def invite(people: People, by: Principal, *, email: str, name: str, role: Role) -> Invited:
    """A new member of staff. Raises Conflict when the merchant has one with this e-mail."""
    now, invitation = people.clock.now(), new_invitation()
    until = now + INVITATION_TTL
    async with edge(people.sessions) as session:
        member = await store.add_staff(
            session,
            id=people.ids.new(),
            merchant_id=by.merchant_id,
            email=email,
            name=name,
            role=role,
            invitation_digest=digest(invitation.encode()),
            invitation_until=until,
            created_at=now,
        )
        people.audit(session, by, "staff.invite", member.id, role=role)
    return Invited(member, invitation, until)


async def invite_again(people: People, by: Principal, staff_id: str) -> Invited:
    """A new invitation: the first was lost, or the password is forgotten. What was open stays open until it is used."""
    invitation = new_invitation()
    until = people.clock.now() + INVITATION_TTL
    async with edge(people.sessions) as session:
        member = await store.lock_staff(session, by.merchant_id, staff_id)
        if member.disabled_at is not None:
            raise Conflict(detail="this member is disabled")
        values = {"invitation_digest": digest(invitation.encode()), "invitation_until": until}
        member = await store.change_staff(session, member, **values)
        people.audit(session, by, "staff.invite", member.id)
    return Invited(member, invitation, until)


async def change_role(people: People, by: Principal, staff_id: str, role: Role) -> StaffRow:
    """Make a member something else; they sign in anew. Raises Conflict for the last owner."""
    async with edge(people.sessions) as session:
        member = await _locked(session, by, staff_id)
        if member.role == role:
            return member  # nothing changes, so nobody is signed out
        was, counted = member.role, _counts_as_owner(member)
        member = await store.change_staff(session, member, role=role)
        await _require_owner(session, by, counted=counted)
        await people.end(session, member.merchant_id, member.id)
        people.audit(session, by, "staff.role", member.id, role=role, was=was)
    return member


async def disable(people: People, by: Principal, staff_id: str) -> StaffRow:
    """Let a member in no more, from within seconds. Safe to repeat. Raises Conflict for the last owner."""
    async with edge(people.sessions) as session:
        member = await _locked(session, by, staff_id)
        if member.disabled_at is None:
            counted = _counts_as_owner(member)
            values = {"disabled_at": people.clock.now(), "invitation_digest": None, "invitation_until": None}
            member = await store.change_staff(session, member, **values)
            await _require_owner(session, by, counted=counted)
            await people.shut_out(session, member.merchant_id, member.id)
            people.audit(session, by, "staff.disable", member.id)
    return member


async def enable(people: People, by: Principal, staff_id: str) -> StaffRow:
    """Let a member in again, with the password they had. Safe to repeat."""
    async with edge(people.sessions) as session:
        member = await store.lock_staff(session, by.merchant_id, staff_id)
        if member.disabled_at is not None:
            member = await store.change_staff(session, member, disabled_at=None)
            await people.let_in(session, member.merchant_id, member.id)
            people.audit(session, by, "staff.enable", member.id)
    return member


async def sign_out_everywhere(people: People, by: Principal, staff_id: str) -> None:
    """End all of a member's sign-ins."""
    async with edge(people.sessions) as session:
        member = await store.lock_staff(session, by.merchant_id, staff_id)
        ended = await people.end(session, member.merchant_id, member.id)
        people.audit(session, by, "staff.sign_out", member.id, ended=ended)


async def page(people: People, by: Principal, *, below: str | None, count: int) -> Sequence[StaffRow]:
    """A page of the merchant's staff, newest first."""
    async with edge(people.sessions) as session:
        return await store.list_staff(session, by.merchant_id, below=below, count=min(count, PAGE_MAX))


async def by_email(people: People, by: Principal, email: str) -> StaffRow:
    """The merchant's member with this e-mail. Raises NotFound."""
    async with edge(people.sessions) as session:
        return await store.member_by_email(session, by.merchant_id, email)


async def audit_page(people: People, by: Principal, *, below: str | None, count: int) -> Sequence[StaffAuditRow]:
    """A page of what the merchant's staff did, newest first."""
    async with edge(people.sessions) as session:
        return await store.list_audit(session, by.merchant_id, below=below, count=min(count, PAGE_MAX))


async def merchant(people: People, by: Principal) -> MerchantRow:
    """The merchant one works for."""
    async with edge(people.sessions) as session:
        return await store.find_merchant(session, by.merchant_id)


async def _locked(session: AsyncSession, by: Principal, staff_id: str) -> StaffRow:
    """A member whose place among the owners may change; others' may not meanwhile."""
    await store.lock_merchant(session, by.merchant_id)
    return await store.lock_staff(session, by.merchant_id, staff_id)


def _counts_as_owner(member: StaffRow) -> bool:
    return member.role == Role.OWNER and member.disabled_at is None and member.password_hash is not None


async def _require_owner(session: AsyncSession, by: Principal, *, counted: bool) -> None:
    """Nobody is locked out: raises Conflict, and so undoes a change, where one who `counted` was the last owner."""
    if counted and not await store.owners(session, by.merchant_id):
        raise Conflict(detail=LAST_OWNER)

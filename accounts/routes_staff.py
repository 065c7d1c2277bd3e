"""Staff over HTTP: oneself, and for owners the members, the audit and the apps; customers who are blocked."""

from typing import Annotated

from fastapi import APIRouter, Depends

from accounts import apps, customers, members, staff_sign_in
from accounts.members import Invited
from accounts.routes import Below, Count, CountedPassword, Here, PathId, staff_pair
from accounts.schemas import (
    AppOut,
    AppPage,
    AppWish,
    AuditOut,
    AuditPage,
    InvitedOut,
    Me,
    MemberOut,
    MemberPage,
    MemberWish,
    MerchantOut,
    PasswordWish,
    RoleWish,
    StaffPair,
)
from accounts.tables import StaffRow
from keel.identity import EVERYBODY, MANAGERS, OWNERS, Principal, Role, staff_as
from keel.paging import next_of

Reader = Annotated[Principal, Depends(staff_as(EVERYBODY))]
Manager = Annotated[Principal, Depends(staff_as(MANAGERS))]
Owner = Annotated[Principal, Depends(staff_as(OWNERS))]

router = APIRouter(prefix="/v1/staff", tags=["staff"])


@router.get("/me")
async def me(by: Reader) -> Me:
    """Who one is here."""
    return Me(subject=by.subject, merchant_id=by.merchant_id, role=by.role)


@router.post("/password")
async def change_password(people: Here, by: Reader, _: CountedPassword, wish: PasswordWish) -> StaffPair:
    """Another password for oneself. Every other sign-in ends."""
    return staff_pair(await staff_sign_in.change_password(people, by, old=wish.password, new=wish.new_password))


@router.get("/merchant")
async def show_merchant(people: Here, by: Reader) -> MerchantOut:
    """The merchant one works for."""
    return MerchantOut.model_validate(await members.merchant(people, by))


@router.get("/members")
async def list_members(people: Here, by: Owner, below: Below = None, count: Count = 20) -> MemberPage:
    """Who works for the merchant, newest first."""
    rows = await members.page(people, by, below=below, count=count)
    return MemberPage(members=[_member(row) for row in rows], next=next_of(rows, count))


@router.post("/members", status_code=201)
async def invite(people: Here, by: Owner, wish: MemberWish) -> InvitedOut:
    """Invite somebody. The invitation in the answer is for them, and good for seven days."""
    return _invited(await members.invite(people, by, email=wish.email, name=wish.name, role=wish.role))


@router.post("/members/{member_id}/invite")
async def invite_again(people: Here, by: Owner, member_id: PathId) -> InvitedOut:
    """A new invitation, where the first was lost or the password is forgotten."""
    return _invited(await members.invite_again(people, by, member_id))


@router.patch("/members/{member_id}")
async def change_role(people: Here, by: Owner, member_id: PathId, wish: RoleWish) -> MemberOut:
    """Give a member another role; they sign in anew."""
    return _member(await members.change_role(people, by, member_id, wish.role))


@router.post("/members/{member_id}/disable")
async def disable(people: Here, by: Owner, member_id: PathId) -> MemberOut:
    """Let a member in no more. Their tokens are refused within five seconds."""
    return _member(await members.disable(people, by, member_id))


@router.post("/members/{member_id}/enable")
async def enable(people: Here, by: Owner, member_id: PathId) -> MemberOut:
    """Let a member in again."""
    return _member(await members.enable(people, by, member_id))


@router.post("/members/{member_id}/sign-out", status_code=204)
async def sign_out_member(people: Here, by: Owner, member_id: PathId) -> None:
    """Sign a member out on every device."""
    await members.sign_out_everywhere(people, by, member_id)


@router.get("/audit")
async def audit(people: Here, by: Owner, below: Below = None, count: Count = 20) -> AuditPage:
    """What staff did, newest first."""
    rows = await members.audit_page(people, by, below=below, count=count)
    shown = [AuditOut.model_validate(row) for row in rows]
    return AuditPage(commands=shown, next=next_of(shown, count))


@router.get("/apps")
async def list_apps(people: Here, by: Owner, below: Below = None, count: Count = 20) -> AppPage:
    """The merchant's apps, newest first."""
    shown = [AppOut.model_validate(row) for row in await apps.page(people, by, below=below, count=count)]
    return AppPage(apps=shown, next=next_of(shown, count))


@router.post("/apps", status_code=201)
async def add_app(people: Here, by: Owner, wish: AppWish) -> AppOut:
    """Let customers come through an app."""
    return AppOut.model_validate(await apps.add_app(people, by, provider=wish.provider, app_id=wish.app_id))


@router.post("/apps/{app_id}/archive", status_code=204)
async def archive_app(people: Here, by: Owner, app_id: PathId) -> None:
    """Let nobody sign in through an app any more."""
    await apps.archive_app(people, by, app_id)


@router.post("/customers/{customer_id}/block", status_code=204)
async def block(people: Here, by: Manager, customer_id: PathId) -> None:
    """Let a customer in no more. Their tokens are refused within five seconds."""
    await customers.block(people, by, customer_id)


@router.post("/customers/{customer_id}/unblock", status_code=204)
async def unblock(people: Here, by: Manager, customer_id: PathId) -> None:
    """Let a customer in again."""
    await customers.unblock(people, by, customer_id)


@router.post("/customers/{customer_id}/sign-out", status_code=204)
async def sign_out_customer(people: Here, by: Manager, customer_id: PathId) -> None:
    """Sign a customer out on every device."""
    await customers.sign_out_everywhere(people, by, customer_id)


def _member(row: StaffRow) -> MemberOut:
    return MemberOut(
        id=row.id,
        email=row.email,
        name=row.name,
        role=Role(row.role),
        pending=row.password_hash is None,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _invited(invited: Invited) -> InvitedOut:
    shown = _member(invited.member).model_dump()
    return InvitedOut(**shown, invitation=invited.invitation, invitation_until=invited.until)

"""Owners say who works here; nobody locks the shop; every command is in the audit, and each merchant sees its own."""

import asyncio

import pytest

from accounts import members
from accounts.members import LAST_OWNER
from keel.errors import Conflict, NotFound
from keel.identity import Role
from tests.accounts.shops import principal_of


async def test_the_last_owner_stays(shop):
    hua = await shop.member()
    by = principal_of(hua)
    pending = await members.invite(shop.people, by, email="mei@pond.cn", name="Mei", role=Role.OWNER)
    for command in (
        lambda: members.disable(shop.people, by, hua.subject_id),
        lambda: members.change_role(shop.people, by, hua.subject_id, Role.HOST),
    ):
        with pytest.raises(Conflict, match=r"^conflict") as refusal:
            await command()
        assert refusal.value.detail == LAST_OWNER, "an invitation nobody accepted opens no door"
    assert (await shop.login()).access, "nothing of it was stored"
    assert (await members.disable(shop.people, by, pending.member.id)).disabled_at is not None
    await shop.member("lan@pond.cn")
    assert (await members.change_role(shop.people, by, hua.subject_id, Role.HOST)).role == "host"


async def test_two_owners_who_disable_each_other_do_not_both_succeed(shop):
    hua, mei = await shop.member(), await shop.member("mei@pond.cn")
    answers = await asyncio.gather(
        members.disable(shop.people, principal_of(hua), mei.subject_id),
        members.disable(shop.people, principal_of(mei), hua.subject_id),
        return_exceptions=True,
    )
    assert [isinstance(answer, Conflict) for answer in answers].count(True) == 1
    assert len(await shop.rows("SELECT 1 FROM staff WHERE disabled_at IS NULL")) == 1


async def test_others_come_and_go_where_the_only_owner_is_a_fixed_token(shop):
    lan = await shop.member("lan@pond.cn", Role.HOST)
    assert (await members.disable(shop.people, shop.by, lan.subject_id)).disabled_at is not None
    assert (await members.enable(shop.people, shop.by, lan.subject_id)).disabled_at is None


async def test_an_address_is_invited_once_by_each_merchant_and_nobody_hears_of_the_other(shop):
    await shop.member("lan@pond.cn", Role.HOST)
    with pytest.raises(Conflict):
        await members.invite(shop.people, shop.by, email="lan@pond.cn", name="Lan", role=Role.HOST)
    assert (await members.invite(shop.people, shop.other, email="lan@pond.cn", name="Lan", role=Role.HOST)).invitation


async def test_another_merchants_member_is_not_there(shop):
    hua = await shop.member()
    for command in (members.disable, members.enable, members.invite_again, members.sign_out_everywhere):
        with pytest.raises(NotFound):
            await command(shop.people, shop.other, hua.subject_id)
    with pytest.raises(NotFound):
        await members.change_role(shop.people, shop.other, hua.subject_id, Role.HOST)
    assert await members.page(shop.people, shop.other, below=None, count=10) == []
    assert (await members.merchant(shop.people, shop.other)).id == shop.other.merchant_id


async def test_a_disabled_member_is_invited_by_no_door(shop):
    lan = await shop.member("lan@pond.cn", Role.HOST)
    await members.disable(shop.people, shop.by, lan.subject_id)
    with pytest.raises(Conflict):
        await members.invite_again(shop.people, shop.by, lan.subject_id)


async def test_every_command_is_in_the_audit_of_its_merchant_page_by_page(shop):
    lan = await shop.member("lan@pond.cn", Role.HOST)
    await members.change_role(shop.people, shop.by, lan.subject_id, Role.ANALYST)
    await members.change_role(shop.people, shop.by, lan.subject_id, Role.ANALYST)
    await members.sign_out_everywhere(shop.people, shop.by, lan.subject_id)
    for _ in range(2):
        await members.disable(shop.people, shop.by, lan.subject_id)
        await members.enable(shop.people, shop.by, lan.subject_id)
    seen, below = [], None
    while page := await members.audit_page(shop.people, shop.by, below=below, count=3):
        seen += [row.command for row in page]
        below = page[-1].id
    assert seen[::-1] == [
        "app.add", "staff.invite", "staff.accept", "staff.role", "staff.sign_out",
        "staff.disable", "staff.enable", "staff.disable", "staff.enable",
    ]  # fmt: skip
    assert await members.audit_page(shop.people, shop.other, below=None, count=3) == []
    assert [row.email for row in await members.page(shop.people, shop.by, below=None, count=9)] == ["lan@pond.cn"]


async def test_the_detail_of_the_audit_holds_no_personal_data(shop):
    await members.invite(shop.people, shop.by, email="lan@pond.cn", name="Lan of the pond", role=Role.HOST)
    (kept,) = await shop.rows("SELECT string_agg(detail::text, ' ') AS text FROM staff_audit")
    assert "lan@pond.cn" not in kept["text"]
    assert "Lan of the pond" not in kept["text"]

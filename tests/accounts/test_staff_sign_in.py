"""Staff come in with e-mail and password, go on with refresh tokens, and are out when they say so."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from accounts import members, staff_sign_in
from accounts.errors import SignInRefused
from accounts.members import INVITATION_TTL
from accounts.passwords import Passwords
from accounts.tokens import ACCESS_TTL_S, LEEWAY_S
from keel.errors import Conflict, NotSignedIn
from keel.identity import Role
from tests.accounts.shops import CHEAP, HUA, PASSWORD, principal_of


async def test_with_the_right_password_one_is_in_for_ten_minutes(shop):
    hua = await shop.member(role=Role.HOST)
    signed_in = await shop.login()
    who = shop.here.staff(signed_in.access)
    assert (who.merchant_id, who.subject, who.role) == (shop.by.merchant_id, hua.subject_id, Role.HOST)
    shop.clock.advance(s=ACCESS_TTL_S + LEEWAY_S - 1)
    assert shop.here.staff(signed_in.access) is not None
    shop.clock.advance(s=1)
    assert shop.here.staff(signed_in.access) is None


async def test_a_staff_token_buys_nothing_and_a_customers_opens_no_staff_door(shop):
    signed_in = await shop.member()
    with pytest.raises(NotSignedIn):
        shop.here.customer(signed_in.access)
    customer = shop.people.tokens.sign(customer_id=shop.people.ids.new(), merchant_id=shop.by.merchant_id, ttl_s=60)
    assert shop.here.staff(customer) is None
    assert shop.here.customer(customer)


async def test_whatever_is_wrong_the_answer_is_the_same(shop):
    hua = await shop.member()
    await members.invite(shop.people, shop.by, email="pending@pond.cn", name="Not yet", role=Role.HOST)
    gone = await shop.member("gone@pond.cn", Role.HOST)
    await members.disable(shop.people, shop.by, gone.subject_id)
    wrong = [
        (HUA, "wrong", None),
        ("nobody@pond.cn", PASSWORD, None),
        ("pending@pond.cn", PASSWORD, None),
        ("gone@pond.cn", PASSWORD, None),
        (HUA, PASSWORD, shop.other.merchant_id),
    ]
    documents = []
    for typed in wrong:
        with pytest.raises(SignInRefused) as refusal:
            await shop.login(*typed)
        documents.append(refusal.value.document())
    assert documents == [documents[0]] * len(wrong)
    assert (await shop.login(HUA, PASSWORD, hua.merchant_id)).access


class Meanwhile(Passwords):
    """While a password is being compared, something happens."""

    def __init__(self, happens: Callable[[], Awaitable[object]]) -> None:
        super().__init__(CHEAP)
        self._happens = happens

    async def good(self, password: str, stored: str | None) -> bool:
        good = await super().good(password, stored)
        await self._happens()
        return good


async def test_who_is_shut_out_while_the_password_is_compared_does_not_come_in(shop):
    hua = await shop.member(role=Role.HOST)
    by = principal_of(hua)
    for happens in (
        lambda: staff_sign_in.set_password(shop.people, by, hua.subject_id, PASSWORD),  # the same word, hashed anew
        lambda: members.disable(shop.people, shop.by, hua.subject_id),
    ):
        with pytest.raises(SignInRefused):
            await staff_sign_in.login(
                replace(shop.people, passwords=Meanwhile(happens)), staff_sign_in.Credentials(HUA, PASSWORD)
            )
        assert await shop.rows("SELECT id FROM sign_in WHERE revoked_at IS NULL") == []


async def test_one_address_may_work_for_two_merchants_and_the_second_one_is_named(shop):
    first, second = await shop.member(), await shop.member(by=shop.other)
    assert (await shop.login()).subject_id == first.subject_id
    assert (await shop.login(merchant_id=shop.other.merchant_id)).subject_id == second.subject_id


async def test_an_invitation_is_good_once_and_for_a_week(shop):
    invited = await members.invite(shop.people, shop.by, email=HUA, name="Hua", role=Role.HOST)
    with pytest.raises(SignInRefused):
        await staff_sign_in.accept(shop.people, invited.invitation[:-1] + "_", PASSWORD)
    assert (await staff_sign_in.accept(shop.people, invited.invitation, PASSWORD)).access
    with pytest.raises(SignInRefused):
        await staff_sign_in.accept(shop.people, invited.invitation, "the password of a thief")
    late = await members.invite_again(shop.people, shop.by, invited.member.id)
    shop.clock.advance(s=INVITATION_TTL.total_seconds())
    with pytest.raises(SignInRefused):
        await staff_sign_in.accept(shop.people, late.invitation, PASSWORD)
    assert (await shop.login()).access, "the password stays until an invitation is used"


async def test_two_who_accept_one_invitation_at_once_do_not_both_come_in(shop):
    invited = await members.invite(shop.people, shop.by, email=HUA, name="Hua", role=Role.HOST)
    both = [staff_sign_in.accept(shop.people, invited.invitation, password) for password in (PASSWORD, "another one!")]
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert [isinstance(answer, SignInRefused) for answer in answers].count(True) == 1


async def test_a_hash_of_an_older_release_is_renewed_when_its_password_is_typed(shop):
    await shop.member()
    (before,) = await shop.rows("SELECT password_hash FROM staff")
    await shop.with_hasher(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)).login()
    (after,) = await shop.rows("SELECT password_hash FROM staff")
    assert ",t=1," in before["password_hash"]
    assert ",t=2," in after["password_hash"]
    assert (await shop.login()).access


async def test_a_new_password_ends_every_other_sign_in(shop):
    first, second = await shop.member(), await shop.login()
    by = principal_of(second)
    with pytest.raises(SignInRefused):
        await staff_sign_in.change_password(shop.people, by, old="wrong", new="another password")
    third = await staff_sign_in.change_password(shop.people, by, old=PASSWORD, new="another password")
    await shop.here.hear()
    assert [shop.here.staff(each.access) is not None for each in (first, second, third)] == [False, False, True]
    with pytest.raises(SignInRefused):
        await shop.login()
    assert (await shop.login(password="another password")).access
    with pytest.raises(Conflict):
        await staff_sign_in.change_password(shop.people, shop.by, old=PASSWORD, new="another password")


async def test_signing_out_here_leaves_the_other_device_and_everywhere_does_not(shop):
    here, there = await shop.member(), await shop.login()
    await staff_sign_in.logout(shop.people, here.refresh, everywhere=False)
    await staff_sign_in.logout(shop.people, here.refresh, everywhere=False)
    await shop.here.hear()
    assert (shop.here.staff(here.access), shop.here.staff(there.access) is not None) == (None, True)
    with pytest.raises(SignInRefused):
        await staff_sign_in.refresh(shop.people, here.refresh)
    again = await shop.login()
    await staff_sign_in.logout(shop.people, there.refresh, everywhere=True)
    await shop.here.hear()
    assert [shop.here.staff(each.access) for each in (there, again)] == [None, None]
    await staff_sign_in.logout(shop.people, "A" * 86, everywhere=True)


async def test_every_way_in_and_out_is_in_the_audit(shop):
    hua = await shop.member()
    signed_in = await shop.login()
    await staff_sign_in.change_password(shop.people, principal_of(signed_in), old=PASSWORD, new=PASSWORD + "!")
    last = await shop.login(password=PASSWORD + "!")
    await staff_sign_in.logout(shop.people, last.refresh, everywhere=False)
    commands = [command for actor, command in await shop.commands() if actor == hua.subject_id]
    assert commands == ["staff.accept", "staff.login", "staff.password", "staff.login", "staff.logout"]
    (kept,) = await shop.rows("SELECT string_agg(detail::text, ' ') AS text FROM staff_audit")
    assert PASSWORD not in kept["text"]

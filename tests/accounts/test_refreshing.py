"""A refresh token is good once. A lost answer costs nothing; a copy in other hands ends the sign-in."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import customers, members, staff_sign_in
from accounts.errors import SignInRefused
from accounts.people import IDLE_MAX, Kind, SignedIn
from accounts.refresh_tokens import SECRET_BYTES, RefreshToken, first_token, read_token
from accounts.refreshing import SAME_AGAIN
from keel.errors import Unavailable
from keel.identity import Role
from tests.accounts.shops import PeopleShop, open_people, principal_of
from tests.eventually import eventually_async

LATER_S = SAME_AGAIN.total_seconds() + 1


async def go_on(shop: PeopleShop, signed_in: SignedIn) -> SignedIn:
    return await staff_sign_in.refresh(shop.people, signed_in.refresh)


async def refused(shop: PeopleShop, signed_in: SignedIn) -> bool:
    try:
        await go_on(shop, signed_in)
    except SignInRefused:
        return True
    return False


async def let_in(shop: PeopleShop, signed_in: SignedIn) -> bool:
    await shop.here.hear()
    return shop.here.staff(signed_in.access) is not None


def parts(signed_in: SignedIn) -> RefreshToken:
    token = read_token(signed_in.refresh)
    assert token is not None
    return token


async def test_each_token_gives_the_next_one(shop):
    signed_in = await shop.member(role=Role.ANALYST)
    for _ in range(3):
        shop.clock.advance(s=LATER_S)
        following = await go_on(shop, signed_in)
        assert following.refresh != signed_in.refresh
        assert shop.here.staff(following.access).role is Role.ANALYST
        signed_in = following


async def test_a_token_used_again_ends_its_whole_family_and_only_that(shop):
    first, bystander = await shop.member(), await shop.login()
    second = await go_on(shop, first)
    shop.clock.advance(s=LATER_S)
    assert await refused(shop, first)
    assert await refused(shop, second), "nobody can say who has the right one"
    assert not await let_in(shop, second)
    assert await let_in(shop, bystander)
    assert not await refused(shop, bystander)


async def test_a_token_from_long_ago_ends_it_even_at_once(shop):
    first = await shop.member()
    third = await go_on(shop, await go_on(shop, first))
    assert await refused(shop, first)
    assert await refused(shop, third)


async def test_a_lost_answer_is_given_again(shop):
    first = await shop.member()
    lost = await go_on(shop, first)
    shop.clock.advance(s=SAME_AGAIN.total_seconds())
    assert (await go_on(shop, first)).refresh == lost.refresh
    assert not await refused(shop, lost)


async def test_two_at_once_with_one_token_are_given_the_same_and_nobody_is_thrown_out(shop):
    first = await shop.member()
    answers = await asyncio.gather(*(go_on(shop, first) for _ in range(4)))
    assert len({answer.refresh for answer in answers}) == 1
    shop.clock.advance(s=LATER_S)
    assert not await refused(shop, answers[0])
    assert all([await let_in(shop, answer) for answer in answers])


CUT: str = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def test_a_connection_that_is_cut_in_the_middle_leaves_the_old_token_good(shop):
    first = await shop.member()
    async with shop.pool.acquire() as other, other.transaction():
        await other.execute("SELECT id FROM sign_in FOR UPDATE")
        going_on = asyncio.create_task(go_on(shop, first))

        async def cut() -> int:
            return int(await shop.pool.fetchval(CUT))

        await eventually_async(cut)
        with pytest.raises(Unavailable):
            await going_on
    assert not await refused(shop, first)


async def test_a_made_up_token_ends_nothing(shop):
    first = await shop.member()
    token = parts(first)
    forged = first_token(token.sign_in_id)  # the id is in every access token
    half = RefreshToken(token.sign_in_id, forged.family, token.secret)
    for made_up in (forged, half, first_token(shop.people.ids.new())):
        with pytest.raises(SignInRefused):
            await staff_sign_in.refresh(shop.people, made_up.text())
        await staff_sign_in.logout(shop.people, made_up.text(), everywhere=True)
    assert await let_in(shop, first)
    assert not await refused(shop, first)


async def test_staff_and_customers_do_not_go_on_at_each_others_door(shop):
    staff = await shop.member()
    customer = await customers.come_as_guest(shop.people, shop.app_id)
    with pytest.raises(SignInRefused):
        await customers.refresh(shop.people, staff.refresh)
    with pytest.raises(SignInRefused):
        await staff_sign_in.refresh(shop.people, customer.refresh)
    assert not await refused(shop, staff)
    assert (await customers.refresh(shop.people, customer.refresh)).access


async def test_who_stays_away_too_long_signs_in_anew(shop):
    first = await shop.member()
    shop.clock.advance(s=(IDLE_MAX[Kind.STAFF] - timedelta(seconds=1)).total_seconds())
    second = await go_on(shop, first)
    shop.clock.advance(s=IDLE_MAX[Kind.STAFF].total_seconds())
    assert await refused(shop, second)


async def test_who_is_disabled_between_two_does_not_go_on(shop):
    hua = await shop.member(role=Role.HOST)
    await members.disable(shop.people, shop.by, hua.subject_id)
    assert await refused(shop, hua)
    await members.enable(shop.people, shop.by, hua.subject_id)
    assert await refused(shop, hua), "the sign-in of before stays ended"
    assert (await shop.login()).access


async def test_a_role_given_meanwhile_never_comes_with_the_old_one(shop):
    hua = await shop.member(role=Role.OPERATOR)
    await members.change_role(shop.people, shop.by, hua.subject_id, Role.ANALYST)
    assert await refused(shop, hua)
    assert not await let_in(shop, hua)
    assert principal_of(await shop.login()).role is Role.ANALYST


async def test_no_token_can_be_read_out_of_the_table(shop):
    first = await shop.member()
    second = await go_on(shop, first)
    (row,) = await shop.rows("SELECT * FROM sign_in")
    stored = [bytes(value) for value in row.values() if isinstance(value, bytes | memoryview)]
    for token in (parts(first), parts(second)):
        assert token.secret not in stored
        assert token.family not in stored
    assert {len(value) for value in stored} == {SECRET_BYTES}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=8))
async def test_whatever_is_presented_there_is_one_good_token_or_none(database_url, moves):
    """The law of a family: the newest token goes on until an old one comes back too late; from then on none does."""
    async with open_people(database_url) as shop:
        given_out, dead = [await shop.member(f"a{shop.people.ids.new()}@pond.cn")], False
        for back, later in moves:
            if later:
                shop.clock.advance(s=LATER_S)
            presented = given_out[max(0, len(given_out) - 1 - back)]
            newest = presented.refresh == given_out[-1].refresh
            was_refused = await refused_or_noted(shop, presented, given_out)
            assert not (newest and was_refused) or dead
            assert not dead or was_refused
            dead = dead or was_refused


async def refused_or_noted(shop: PeopleShop, presented: SignedIn, given_out: list[SignedIn]) -> bool:
    try:
        following = await go_on(shop, presented)
    except SignInRefused:
        return True
    if following.refresh != given_out[-1].refresh:
        given_out.append(following)
    return False

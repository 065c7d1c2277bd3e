"""Whoever is shut out is out on every process within five seconds, and nothing is asked per request."""

import pytest

from accounts import customers, members, staff_sign_in
from accounts.denials import GAP_MAX_S, REACHES_WITHIN_S, READ_EVERY_S, READ_MAX_S, Denials
from accounts.errors import SignInRefused
from accounts.loops import keep_denials, tidy
from accounts.people import HAND_MADE_TTL, IDLE_MAX, Kind
from accounts.providers import Code
from accounts.store_sign_in import LOOK_BACK, purge
from accounts.tokens import ACCESS_TTL_S
from keel.errors import NotSignedIn, Unavailable
from keel.identity import Role
from keel.loops import at_start
from tests.accounts.shops import PeopleShop, Process
from tests.stopwatch import Stopwatch


def is_in(process: Process, access: str) -> bool:
    """Whether a customer's token is taken."""
    try:
        process.customer(access)
    except NotSignedIn:
        return False
    return True


async def test_one_reading_a_second_is_what_the_promise_stands_on():
    assert READ_EVERY_S + READ_MAX_S < REACHES_WITHIN_S == 5.0


async def test_a_disabled_member_is_out_on_every_process_with_the_next_reading(shop):
    hua = await shop.member(role=Role.HOST)
    there = shop.process()
    await there.hear()
    assert there.staff(hua.access) is not None
    await members.disable(shop.people, shop.by, hua.subject_id)
    assert there.staff(hua.access) is not None, "nothing is asked per request"
    await there.hear()
    assert there.staff(hua.access) is None


async def test_a_blocked_customer_is_out_with_every_token_and_comes_back_when_let_in(shop):
    guest = await customers.come_as_guest(shop.people, shop.app_id)
    by_hand = shop.people.tokens.sign(customer_id=guest.subject_id, merchant_id=shop.by.merchant_id, ttl_s=3_600)
    there = shop.process()
    await customers.block(shop.people, shop.by, guest.subject_id)
    await there.hear()
    assert (is_in(there, guest.access), is_in(there, by_hand)) == (False, False)
    await customers.unblock(shop.people, shop.by, guest.subject_id)
    await there.hear()
    assert (is_in(there, guest.access), is_in(there, by_hand)) == (False, True), "an ended sign-in stays ended"


async def test_a_process_that_starts_later_knows_what_was_denied_before(shop):
    hua = await shop.member()
    await staff_sign_in.logout(shop.people, hua.refresh, everywhere=False)
    shop.clock.advance(s=ACCESS_TTL_S - 1)
    late = shop.process()
    await late.hear()
    assert late.staff(hua.access) is None


async def test_a_process_that_could_not_read_for_long_reads_everything(shop, monkeypatch):
    hua = await shop.member()
    seconds = Stopwatch()
    denials = Denials(shop.pool, shop.clock, seconds)
    await at_start(denials.read)
    await staff_sign_in.logout(shop.people, hua.refresh, everywhere=False)
    shop.clock.advance(s=300)
    seconds.s += GAP_MAX_S
    await at_start(denials.read)
    assert denials.denied == {}, "within the gap only what is new is read, and this was not new any more"
    seconds.s += GAP_MAX_S + 1
    await at_start(denials.read)
    assert len(denials.denied) == 1


async def test_staff_wait_outside_while_nobody_knows_who_was_shut_out(shop):
    hua = await shop.member()
    unread = shop.process()
    with pytest.raises(Unavailable):
        unread.staff(hua.access)
    seconds = Stopwatch()
    denials = Denials(shop.pool, shop.clock, seconds)
    await at_start(denials.read)
    assert denials.fresh
    seconds.s += REACHES_WITHIN_S
    assert not denials.fresh


async def test_a_denial_is_forgotten_once_its_tokens_have_expired(shop):
    hua = await shop.member()
    await staff_sign_in.logout(shop.people, hua.refresh, everywhere=False)
    await shop.here.hear()
    assert len(shop.here.denials.denied) == 1
    shop.clock.advance(s=ACCESS_TTL_S + 10)
    await shop.here.hear()
    assert shop.here.denials.denied == {}
    assert shop.here.staff(hua.access) is None, "expired by then"


async def test_who_is_blocked_twice_is_out_for_as_long_as_the_second_time_says(shop):
    guest = await customers.come_as_guest(shop.people, shop.app_id)
    await customers.block(shop.people, shop.by, guest.subject_id)
    shop.clock.advance(s=HAND_MADE_TTL.total_seconds() - 1)
    await customers.block(shop.people, shop.by, guest.subject_id)
    shop.clock.advance(s=2)
    await shop.here.hear()
    assert guest.subject_id in shop.here.denials.denied


async def test_whoever_is_let_in_again_is_let_in_by_processes_that_read_later(shop):
    guest = await customers.come_as_guest(shop.people, shop.app_id)
    by_hand = shop.people.tokens.sign(customer_id=guest.subject_id, merchant_id=shop.by.merchant_id, ttl_s=3_600)
    there = shop.process()
    await customers.block(shop.people, shop.by, guest.subject_id)
    await there.hear()
    await customers.unblock(shop.people, shop.by, guest.subject_id)
    shop.clock.advance(s=1)
    await purge(shop.pool, shop.clock.now())
    await there.hear()
    assert is_in(there, by_hand), "what ended must not be deleted before everybody has seen that it did"


async def test_whoever_was_a_guest_here_before_does_not_become_who_signs_in(shop):
    guest = await customers.come_as_guest(shop.people, shop.app_id)
    there = shop.process()
    hua = await customers.login(shop.people, shop.app_id, Code("hua"), there.customer(guest.access))
    assert hua.subject_id == guest.subject_id
    await there.hear()
    assert (is_in(there, guest.access), is_in(there, hua.access)) == (False, True)
    with pytest.raises(SignInRefused):
        await customers.refresh(shop.people, guest.refresh)


async def test_a_guest_who_was_a_customer_already_may_end_what_they_began(shop):
    there = shop.process()
    await customers.login(shop.people, shop.app_id, Code("hua"))
    guest = await customers.come_as_guest(shop.people, shop.app_id)
    hua = await customers.login(shop.people, shop.app_id, Code("hua"), there.customer(guest.access))
    await there.hear()
    assert is_in(there, guest.access), "the retry of an order goes with the token that it began with"
    with pytest.raises(SignInRefused):
        await customers.refresh(shop.people, guest.refresh)
    await customers.block(shop.people, shop.by, guest.subject_id)
    await there.hear()
    assert not is_in(there, hua.access), "an order names the guest: who is blocked by that name is the person"


async def test_what_is_over_is_deleted(shop):
    hua = await shop.member()
    await staff_sign_in.logout(shop.people, hua.refresh, everywhere=False)
    await shop.login()
    assert await purge(shop.pool, shop.clock.now()) == 0
    shop.clock.advance(s=IDLE_MAX[Kind.STAFF].total_seconds() + LOOK_BACK.total_seconds())
    assert await purge(shop.pool, shop.clock.now()) == 3
    assert await shop.rows("SELECT id FROM sign_in UNION ALL SELECT id FROM denial") == []


async def test_the_loops_read_and_tidy_until_they_are_stopped(shop: PeopleShop, stopped_after):
    hua = await shop.member()
    await staff_sign_in.logout(shop.people, hua.refresh, everywhere=False)
    await keep_denials(shop.here.denials, stopped_after(1))
    assert len(shop.here.denials.denied) == 1
    shop.clock.advance(s=IDLE_MAX[Kind.STAFF].total_seconds())
    await tidy(shop.pool, shop.clock, stopped_after(1))
    assert await shop.rows("SELECT id FROM sign_in") == []

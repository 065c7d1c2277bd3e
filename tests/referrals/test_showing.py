"""Whoever has a code sees what it leads to and may come through it; whoever guesses is counted."""

import pytest

from keel.errors import NotFound, TooManyRequests
from referrals import showing
from referrals.limits import MISSES_BURST, PERSON_BURST, ShareLimits
from referrals.model import Channel, is_code, new_code
from referrals.showing import NO_CODE, Doors, Found
from tests.referrals.groves import Grove

HERE = "192.0.2.7"


def doors_of(grove: Grove) -> Doors:
    """Doors whose limits do not recover: time stands still."""
    return Doors(grove.shop.ledger, grove.touches, ShareLimits(clock_s=lambda: 0.0))


def test_what_is_asked_for_instead_of_nonsense_can_never_be_a_code():
    assert not is_code(NO_CODE)
    assert len(NO_CODE) == len(new_code())


async def test_a_visit_is_stored_as_it_was_found(grove: Grove):
    (_, share), *_ = await grove.chain(await grove.target("room"), 1)
    lan, doors = await grove.person(), doors_of(grove)
    await showing.visit(doors, lan, share.code, Found(Channel.POSTER, "tG1"), HERE)
    await grove.stored()
    (row,) = await grove.run("SELECT channel, community, visitor_id::text AS who FROM touch")
    assert tuple(row) == ("poster", "tG1", lan.sub)


async def test_an_opening_that_is_told_over_http_and_by_a_join_is_one_touch(grove: Grove):
    room, lan, now = await grove.target("room"), await grove.person(), grove.shop.clock.now()
    session = await grove.target("session", room_id=room.target_id, state="live", started_at=now)
    share, doors = await grove.share(await grove.person(), room), doors_of(grove)
    await showing.visit(doors, lan, share.code, Found(Channel.GROUP, "tG1"), HERE)
    grove.touches.visited(lan.mid, share.code, lan.sub, session_id=session.target_id)  # as the gateway does
    await grove.stored()
    (row,) = await grove.run("SELECT community, session_id::text AS session_id FROM touch")
    assert tuple(row) == ("tG1", session.target_id)


async def test_misses_are_counted_and_then_nothing_is_said(grove: Grove):
    (_, share), *_ = await grove.chain(await grove.target("room"), 1)
    lan, doors = await grove.person(), doors_of(grove)
    for _ in range(MISSES_BURST):
        with pytest.raises(NotFound):
            await showing.show(doors, new_code(), HERE)
    with pytest.raises(TooManyRequests):
        await showing.show(doors, share.code, HERE)
    with pytest.raises(TooManyRequests):
        await showing.visit(doors, lan, share.code, Found(), HERE)
    assert (await showing.show(doors, share.code, "192.0.2.8")).share == share


async def test_one_person_comes_only_so_often(grove: Grove):
    (_, share), *_ = await grove.chain(await grove.target("room"), 1)
    lan, doors = await grove.person(), doors_of(grove)
    for _ in range(PERSON_BURST):
        await showing.visit(doors, lan, share.code, Found(), HERE)
    with pytest.raises(TooManyRequests):
        await showing.visit(doors, lan, share.code, Found(), HERE)


def test_headers_say_whether_it_is_a_person():
    assert showing.counts({"user-agent": "MicroMessenger/8.0"})
    assert not showing.counts({"sec-purpose": "prefetch"})

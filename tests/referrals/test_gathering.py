"""Touches on their way: stored in batches, once for a minute, and vouched for only when they are stored."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, sampled_from, tuples

from keel.ids import Ids
from referrals import gathering
from referrals.gathering import Touches
from referrals.model import ONE_VISIT_S, Channel, new_code, touch_id
from referrals.store_touches import FORGOTTEN_AFTER, UNSEEN, of_people, watermark
from tests.referrals.groves import Grove, another_merchant, mark, open_grove
from tests.referrals.pools import Fickle, Slow


async def test_visits_of_a_minute_are_one_touch_in_every_process(grove: Grove):
    room = await grove.target("room")
    hua, lan = await grove.person(), await grove.person()
    share = await grove.share(hua, room)
    other = Touches(grove.shop.pool, Ids(grove.shop.clock), grove.shop.clock)
    grove.shop.clock.advance(s=ONE_VISIT_S - grove.shop.clock.ms() // 1000 % ONE_VISIT_S)
    first_at = grove.shop.clock.now()
    for touches in (grove.touches, other) * 5:
        for _ in range(3):
            touches.visited(lan.mid, share.code, lan.sub)
        grove.shop.clock.advance(s=5)
    grove.touches.visited(lan.mid, share.code, lan.sub, channel=Channel.GROUP, community="tG1")
    await asyncio.gather(grove.touches.close(), other.close())
    (touch,) = await of_people(grove.shop.pool, lan.mid, [lan.sub], grove.shop.clock.now())
    assert (touch.share, touch.at, touch.channel, touch.community) == (share, first_at, Channel.GROUP, "tG1")
    grove.shop.clock.advance(s=ONE_VISIT_S)
    await grove.visit(lan, share)
    assert len(await grove.run("SELECT FROM touch")) == 2


async def test_the_first_visit_keeps_its_time_whoever_stores_first(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    lan, pool = await grove.person(), grove.shop.pool
    grove.shop.clock.advance(s=ONE_VISIT_S - grove.shop.clock.ms() // 1000 % ONE_VISIT_S)
    slow = Touches(pool, Ids(grove.shop.clock), grove.shop.clock)
    slow.visited(lan.mid, share.code, lan.sub)
    first_at, clock_ms = grove.shop.clock.now(), grove.shop.clock.ms()
    grove.shop.clock.advance(s=ONE_VISIT_S - 1)
    async with pool.acquire() as connection:  # somebody who was faster
        columns = "id, merchant_id, share_id, visitor_id, channel, at"
        values = [
            touch_id(lan.sub, share.code, clock_ms),
            lan.mid,
            share.node.id,
            lan.sub,
            "qr",
            grove.shop.clock.now(),
        ]
        await connection.execute(f"INSERT INTO touch ({columns}) VALUES ($1, $2, $3, $4, $5, $6)", *values)
    await slow.close()
    (touch,) = await of_people(pool, lan.mid, [lan.sub], grove.shop.clock.now())
    assert (touch.at, touch.channel) == (first_at, Channel.QR)


async def test_who_comes_back_through_the_first_link_came_through_it_last(grove: Grove):
    room, lan = await grove.target("room"), await grove.person()
    first, second = await grove.share(await grove.person(), room), await grove.share(await grove.person(), room)
    for share in (first, second, first):
        grove.shop.clock.advance(s=60)
        await grove.visit(lan, share)
    newest, *_ = await of_people(grove.shop.pool, lan.mid, [lan.sub], grove.shop.clock.now())
    assert (newest.share, newest.at) == (first, grove.shop.clock.now())


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("kind", ["product", "campaign", "room"])
async def test_one_opening_is_one_touch_whichever_way_knows_the_broadcast(grove: Grove, kind: str, at_once: bool):
    named = {"name": "spring"} if kind == "campaign" else {}
    share = (await grove.chain(await grove.target(kind, **named), 1))[0][1]
    lan, an, session_id = await grove.person(), await grove.person(), grove.shop.ids.new()
    for who, ways in ((lan, (None, session_id, None)), (an, (session_id, None))):
        for known in ways:
            grove.touches.visited(who.mid, share.code, who.sub, session_id=known)
            if not at_once:
                await grove.stored()
    await grove.stored()
    for who in (lan, an):
        (touch,) = await of_people(grove.shop.pool, who.mid, [who.sub], grove.shop.clock.now())
        assert touch.session_id == session_id


async def test_unknown_foreign_and_malformed_codes_are_no_touch(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    stranger = await grove.person(await another_merchant(grove))
    await grove.visit(stranger, share)
    for code in (new_code(), "", "x" * 5_000, "0" * 9, "a b", "群" * 9):
        await grove.visit(await grove.person(), code)
    assert await grove.run("SELECT FROM touch") == []


async def test_a_touch_knows_the_broadcast_it_came_to(grove: Grove):
    room, now = await grove.target("room"), grove.shop.clock.now()
    on_air: dict[str, Any] = {"state": "live", "started_at": now}
    live = await grove.target("session", room_id=room.target_id, **on_air)
    await grove.target("session", room_id=room.target_id, rehearsal=True, **on_air)
    planned = await grove.target("session", room_id=room.target_id)
    product, hua, joined = await grove.target("product"), await grove.person(), grove.shop.ids.new()
    expected = {room: live.target_id, planned: planned.target_id, product: None}
    for what, session_id in expected.items():
        who = await grove.person()
        await grove.visit(who, await grove.share(hua, what))
        (touch,) = await of_people(grove.shop.pool, who.mid, [who.sub], grove.shop.clock.now())
        assert touch.session_id == session_id
    who = await grove.person()
    await grove.visit(who, await grove.share(hua, room), session_id=joined)
    (touch,) = await of_people(grove.shop.pool, who.mid, [who.sub], grove.shop.clock.now())
    assert touch.session_id == joined


async def test_who_came_before_the_broadcast_did_not_come_into_it_however_late_that_is_stored(grove: Grove):
    room, lan = await grove.target("room"), await grove.person()
    share = await grove.share(await grove.person(), room)
    grove.touches.visited(lan.mid, share.code, lan.sub)
    grove.shop.clock.advance(s=1)
    await grove.target("session", room_id=room.target_id, state="live", started_at=grove.shop.clock.now())
    await grove.stored()
    (touch,) = await of_people(grove.shop.pool, lan.mid, [lan.sub], grove.shop.clock.now())
    assert touch.session_id is None


async def test_what_postgresql_does_not_take_waits_and_holds_the_watermark(grove: Grove):
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    lan, clock = await grove.person(), grove.shop.clock
    await grove.touches.tick()  # from here on this process is waited for
    await grove.run("ALTER TABLE touch RENAME TO touch_away")
    clock.advance(s=1)
    at = clock.now()
    grove.touches.visited(lan.mid, share.code, lan.sub)
    await grove.touches._batches.drained()
    clock.advance(s=5)
    with pytest.raises(asyncpg.UndefinedTableError):
        await grove.run("SELECT FROM touch")
    await grove.touches.tick()
    await grove.touches._batches.drained()
    assert grove.touches.waiting == 1
    assert await mark(grove) < at
    await grove.run("ALTER TABLE touch_away RENAME TO touch")
    await grove.touches.tick()
    await grove.stored()
    assert await mark(grove) == clock.now() - timedelta(milliseconds=1)
    assert len(await of_people(grove.shop.pool, lan.mid, [lan.sub], clock.now())) == 1


async def test_a_writer_that_fell_silent_is_forgotten_and_one_that_ended_is_gone(grove: Grove):
    clock, pool = grove.shop.clock, grove.shop.pool
    dead = Touches(pool, Ids(clock), clock)
    await dead.tick()
    died_at = clock.now()
    clock.advance(s=20)
    await grove.touches.tick()
    assert await watermark(pool, clock.now()) == died_at - timedelta(milliseconds=1)
    clock.advance(s=20)
    await grove.touches.tick()
    assert clock.now() - died_at > FORGOTTEN_AFTER
    assert await watermark(pool, clock.now()) == clock.now() - UNSEEN
    await grove.touches.close()
    await dead.close()
    assert await grove.run("SELECT FROM touch_writer") == []
    assert await watermark(pool, clock.now()) == clock.now() - UNSEEN


async def test_a_crowd_that_signs_in_is_stored_in_one_batch(grove: Grove):
    pool = Slow(grove.shop.pool)
    touches = Touches(pool, Ids(grove.shop.clock), grove.shop.clock)  # type: ignore[arg-type]
    people = [(grove.shop.ids.new(), grove.shop.ids.new()) for _ in range(50)]
    for visitor_id, customer_id in people:
        touches.signed_in(grove.merchant_id, visitor_id, customer_id)
    await touches._batches.drained()
    assert pool.statements == 2, "who they are, and that it is stored"
    found = await grove.run("SELECT visitor_id::text AS visitor, customer_id::text AS customer FROM touch_person")
    assert {tuple(row) for row in found} == set(people)
    await touches.close()


async def test_too_many_that_wait_are_given_up_and_counted(grove: Grove, monkeypatch):
    monkeypatch.setattr(gathering, "WAITING_MAX", 3)
    share = (await grove.chain(await grove.target("room"), 1))[0][1]
    people = [await grove.person() for _ in range(5)]
    for who in people:
        grove.touches.visited(who.mid, share.code, who.sub)
    await grove.stored()
    assert len(await grove.run("SELECT FROM touch")) == 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=lists(tuples(sampled_from(["visit", "tick", "fail", "work", "back"]), integers(0, 1)), max_size=25))
def test_the_watermark_never_passes_what_a_living_process_has_not_stored(
    database_url: str, redis_url: str, steps: list[tuple[str, int]]
):
    """Two processes, whose PostgreSQL comes and goes and whose clock is set back now and then."""
    asyncio.run(come_and_go(database_url, redis_url, steps))


async def come_and_go(database_url: str, redis_url: str, steps: list[tuple[str, int]]) -> None:
    async with open_grove(database_url, redis_url) as grove:
        share = (await grove.chain(await grove.target("room"), 1))[0][1]
        clock, pools = grove.shop.clock, [Fickle(grove.shop.pool) for _ in range(2)]
        writers = [Touches(pool, Ids(clock), clock) for pool in pools]  # type: ignore[arg-type]
        for writer in writers:
            await writer.tick()
        for step, which in steps:
            clock.advance(ms=-300 if step == "back" else 700)
            pools[which].fails = {"fail": True, "work": False}.get(step, pools[which].fails)
            if step == "visit":
                writers[which].visited(grove.merchant_id, share.code, grove.shop.ids.new())
            elif step == "tick" and not pools[which].fails:
                await writers[which].tick()
            for writer in writers:
                await writer._batches.drained()
            reached = await mark(grove)
            waiting = [item.at_ms for writer in writers for item in writer._unstored.values()]
            assert all(at_ms > reached.timestamp() * 1000 for at_ms in waiting)
            stored = await grove.run("SELECT FROM touch WHERE share_id = $1", share.node.id)
            assert len(stored) + len(waiting) == sum(writer._count for writer in writers)
        for pool, writer in zip(pools, writers, strict=True):
            pool.fails = False
            await writer.close()

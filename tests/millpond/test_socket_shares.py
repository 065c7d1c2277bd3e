"""Visits with the socket's join: counted as over HTTP, and never a reason to keep anybody out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from accounts.tokens import Claims
from live.sessions import NewSession, plan_session, start_session
from referrals.model import TargetKind, new_code
from referrals.sharing import Sharing, Wish, share
from referrals.store_touches import of_people
from tests.eventually import eventually_async
from tests.inventory.selling import make_merchant
from tests.live.watching import STAFF, Pond, gateway
from tests.millpond.airs import on_air


@pytest.fixture
async def pond(database_url: str, redis_url: str) -> AsyncIterator[Pond]:
    async with gateway(database_url, redis_url, gateway_messages_per_s=1_000, gateway_messages_burst=1_000) as pond:
        yield pond


async def shared(pond: Pond, room_id: str, merchant_id: str = "") -> str:
    """The code of a room that somebody shared."""
    merchant_id, sharer_id = merchant_id or pond.shop.staff.merchant_id, pond.shop.ids.new()
    statement = "INSERT INTO customer (id, merchant_id, created_at) VALUES ($1, $2, $3)"
    await pond.parts.pool.execute(statement, sharer_id, merchant_id, pond.shop.clock.now())
    here = Sharing(pond.parts.reader, pond.parts.ids, pond.parts.clock)
    return (await share(here, Claims(sharer_id, merchant_id, exp=0), Wish(TargetKind.ROOM, room_id))).code


async def touches(pond: Pond) -> list[Any]:
    async def stored() -> bool:
        return not pond.parts.touches.waiting

    await eventually_async(stored)
    return list(await pond.parts.pool.fetch("SELECT *, visitor_id::text AS who FROM touch ORDER BY at, id"))


async def test_a_join_through_a_share_is_a_touch_of_the_session_on_air(pond: Pond):
    air = await on_air(pond)
    code, customer_id = await shared(pond, air.room), pond.shop.ids.new()
    async with pond.viewer(token=pond.token(customer_id)) as viewer:
        for _ in range(2):
            await viewer.join(air.room, share=code, channel="group", community="tGyP6s5yDHZ7x")
    (touch,) = await touches(pond)
    assert (touch["who"], touch["channel"], touch["community"]) == (customer_id, "group", "tGyP6s5yDHZ7x")
    assert str(touch["session_id"]) == air.session_id


async def test_who_waited_for_the_broadcast_and_says_so_again_came_into_it(pond: Pond):
    studio, by, room = pond.parts.studio(), pond.shop.staff, await pond.make_room()
    session_id = (await plan_session(studio, by, room, NewSession())).row.id
    code = await shared(pond, room)
    async with pond.viewer() as viewer:
        await viewer.join(room, share=code)
        assert [touch["session_id"] for touch in await touches(pond)] == [None]
        await start_session(studio, by, session_id)

        async def came_into_it() -> bool:
            await viewer.join(room, share=code)
            return [str(touch["session_id"]) for touch in await touches(pond)][-1] == session_id

        await eventually_async(came_into_it)


async def test_no_code_keeps_anybody_out(pond: Pond):
    room = await pond.make_room()
    other_id = (await make_merchant(pond.shop.selling, "Another pond")).merchant_id
    foreign = await shared(pond, await pond.make_room(other_id), other_id)
    async with pond.viewer() as viewer:
        for code in (foreign, new_code(), "", "x" * 10_000, "群", "\\ud800", "\\u0000"):
            assert (await viewer.join(room, share=code, channel="tiktok", community="x " * 500))["place"] == room
    assert await touches(pond) == []


async def test_what_is_not_understood_beside_a_good_code_is_passed_over(pond: Pond):
    room = await pond.make_room()
    code = await shared(pond, room)
    async with pond.viewer() as viewer:
        await viewer.join(room, share=code, channel="tiktok", community="two words")
    (touch,) = await touches(pond)
    assert (touch["channel"], touch["community"]) == ("unknown", None)


async def test_who_works_here_is_no_visitor(pond: Pond):
    room = await pond.make_room()
    async with pond.viewer(token=STAFF) as host:
        await host.join(room, share=await shared(pond, room))
    assert await touches(pond) == []


@pytest.mark.parametrize("again", [False, True])
async def test_what_a_guest_came_through_is_the_customers_once_he_signs_in(pond: Pond, again: bool):
    """On the same socket, or on a new one to which the guest's pass is sent along."""
    room = await pond.make_room()
    code, customer_id, now = await shared(pond, room), pond.shop.ids.new(), pond.shop.clock.now
    async with pond.viewer() as guest:
        welcome = await guest.hello()
        await guest.join(room, share=code, channel="moments")
        if not again:
            await guest.hello(token=pond.token(customer_id))
    if again:
        async with pond.viewer(token=pond.token(customer_id), guest=welcome["guest"]):
            pass
    (touch,) = await touches(pond)
    assert touch["who"] == welcome["viewer_id"] != customer_id
    merchant_id = pond.shop.staff.merchant_id
    assert [t.visitor_id for t in await of_people(pond.parts.pool, merchant_id, [customer_id], now())] == [touch["who"]]


@pytest.mark.parametrize("again", [False, True])
async def test_whoever_watches_after_a_sign_in_watches_under_a_new_pass(pond: Pond, again: bool):
    """A device is handed on: what the next one comes through is not the first one's."""
    customer_id = pond.shop.ids.new()
    async with pond.bare() as guest:
        first = await guest.hello()
        signed_in = None if again else await guest.hello(token=pond.token(customer_id))
    if signed_in is None:
        async with pond.bare() as viewer:
            signed_in = await viewer.hello(token=pond.token(customer_id), guest=first["guest"])
    async with pond.bare() as viewer:
        assert (await viewer.hello(token=pond.token(customer_id))).get("guest") is None, "once is enough"
    async with pond.bare() as viewer:
        handed_on = await viewer.hello(guest=signed_in["guest"])
    assert len({first["viewer_id"], customer_id, handed_on["viewer_id"]}) == 3


async def test_a_client_that_sends_its_pass_with_every_hello_keeps_one_and_is_signed_in_once(pond: Pond):
    """Until a guest comes with it: then it is his who signs in next."""
    async with pond.bare() as guest:
        first = (await guest.hello())["guest"]
    kept, seen, tokens = first, set[str](), [pond.token(), pond.token()]
    for token in tokens[:1] * 5 + tokens[1:]:
        async with pond.bare() as viewer:
            kept = (await viewer.hello(token=token, guest=kept))["guest"]
            seen.add(kept.split(".")[1])
    assert len(seen) == 1
    assert first.split(".")[1] not in seen
    await touches(pond)
    assert len(await pond.parts.pool.fetch("SELECT FROM touch_person")) == 1
    async with pond.bare() as guest:
        used = await guest.hello(guest=kept)
    async with pond.bare() as viewer:
        assert (await viewer.hello(token=tokens[1], guest=used["guest"]))["guest"].split(".")[1] not in seen
    await touches(pond)
    people = await pond.parts.pool.fetch("SELECT visitor_id::text FROM touch_person")
    assert {row["visitor_id"] for row in people} == {first.split(".")[1], used["viewer_id"]}


async def test_a_pass_that_is_not_good_says_nothing_and_keeps_nobody_out(pond: Pond):
    async with pond.viewer() as guest:
        welcome = await guest.hello()
    forged = welcome["guest"][:-2] + "xx"
    customer_id = pond.shop.ids.new()
    for text in (forged, "x", ""):
        async with pond.bare() as viewer:
            assert (await viewer.hello(token=pond.token(customer_id), guest=text))["viewer_id"] == customer_id
    assert await pond.parts.pool.fetch("SELECT FROM touch_person") == []

"""A viewer gets a ticket once he has been in the room long enough, and with it what the sale sells."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from inventory.book import SaleBook
from keel.errors import NotFound, Unavailable
from live import store_presence
from live.attendance import Interval
from live.errors_talk import TicketTooEarly
from live.ticketing import TicketDesk, Watching
from orders.attempt import Placed
from orders.errors import TicketInvalid, TicketRequired
from orders.placement import Buyer
from orders.schemas import LineRequest, OrderRequest
from orders.tickets import Tickets
from tests.inventory.selling import make_merchant, open_sale
from tests.live.studios import Air, Place, on_air, open_studio
from tests.orders.tills import till_of

KEYS = {"test": "a secret that only this test knows, 32 b"}


@pytest.fixture
async def place(database_url: str, redis_url: str) -> AsyncIterator[Place]:
    async with open_studio(database_url, redis_url) as place:
        yield place


def desk_of(place: Place) -> TicketDesk:
    shop = place.shop
    return TicketDesk(Tickets(KEYS, shop.clock), SaleBook(shop.ledger), shop.ledger)


def watching(place: Place, air: Air, viewer_id: str, *, watched_s: float) -> Watching:
    now_ms = place.shop.clock.ms()
    since_ms = now_ms - round(watched_s * 1_000)
    return Watching(place.merchant_id, air.session_id, viewer_id, (viewer_id,), since_ms, now_ms)


async def test_who_watched_buys_and_who_did_not_is_refused(place: Place):
    air = await on_air(place, units=[5], needs_ticket=True, ticket_after_s=20)
    shop, viewer_id = place.shop, place.shop.ids.new()
    with pytest.raises(TicketTooEarly) as early:
        await desk_of(place).ticket(watching(place, air, viewer_id, watched_s=12.5), air.sale.id)
    assert early.value.retry_after_ms == 7_500
    ticket = await desk_of(place).ticket(watching(place, air, viewer_id, watched_s=20), air.sale.id)
    till = till_of(shop, tickets=Tickets(KEYS, shop.clock))
    lines = [LineRequest(air.sale.item_ids[0], 1)]
    bot, buyer = Buyer(place.merchant_id, shop.ids.new()), Buyer(place.merchant_id, viewer_id)
    became = Buyer(place.merchant_id, shop.ids.new(), was=(viewer_id,))
    for who, sent, expected in (
        (bot, None, TicketRequired),
        (bot, ticket, TicketInvalid),
        (buyer, ticket, Placed),
        (became, ticket, Placed),
    ):
        answer = await till.place(air.sale.id, who, "once", OrderRequest(lines, ticket=sent))
        assert isinstance(answer, expected), answer
    await till.drained()


async def stayed(place: Place, air: Air, viewer_id: str, life: str, *, ago_s: float, for_s: float | None) -> None:
    """He watched before, at one gateway; with no `for_s` he is still there by what is stored."""
    began_at = place.shop.clock.now() - timedelta(seconds=ago_s)
    ended_at = None if for_s is None else began_at + timedelta(seconds=for_s)
    stay = Interval(place.shop.ids.new(), air.session_id, viewer_id, began_at, ended_at)
    assert await store_presence.store(place.shop.pool, life, began_at, [stay], [])


async def test_who_lost_the_network_does_not_start_anew(place: Place):
    air = await on_air(place, units=[5], needs_ticket=True, ticket_after_s=30)
    viewer_id, life, desk = place.shop.ids.new(), place.shop.ids.new(), desk_of(place)
    await store_presence.begin_life(place.shop.pool, life, place.shop.clock.now() - timedelta(seconds=60))
    await stayed(place, air, viewer_id, life, ago_s=27, for_s=20)
    await stayed(place, air, viewer_id, life, ago_s=25, for_s=5)  # a second socket, at the same time
    with pytest.raises(TicketTooEarly) as early:
        await desk.ticket(watching(place, air, viewer_id, watched_s=5), air.sale.id)
    assert early.value.retry_after_ms == 5_000, "20 s before, 5 s now"
    place.shop.clock.advance(s=5)
    assert await desk.ticket(watching(place, air, viewer_id, watched_s=10), air.sale.id)


async def test_what_another_gateway_has_not_ended_counts_until_it_was_last_heard(place: Place):
    air = await on_air(place, units=[5], needs_ticket=True, ticket_after_s=30)
    viewer_id, life, desk = place.shop.ids.new(), place.shop.ids.new(), desk_of(place)
    await store_presence.begin_life(place.shop.pool, life, place.shop.clock.now() - timedelta(seconds=60))
    await stayed(place, air, viewer_id, life, ago_s=60, for_s=None)
    heard_at = place.shop.clock.now() - timedelta(seconds=50)
    await store_presence.store(place.shop.pool, life, heard_at, [], [])
    with pytest.raises(TicketTooEarly) as early:
        await desk.ticket(watching(place, air, viewer_id, watched_s=5), air.sale.id)
    assert early.value.retry_after_ms == 15_000


async def test_what_others_watched_and_other_sessions_do_not_count(place: Place):
    air = await on_air(place, units=[5], needs_ticket=True, ticket_after_s=30)
    viewer_id, was, life, desk = *(place.shop.ids.new() for _ in range(3)), desk_of(place)
    await store_presence.begin_life(place.shop.pool, life, place.shop.clock.now() - timedelta(seconds=60))
    await stayed(place, air, was, life, ago_s=40, for_s=30)
    viewer = watching(place, air, viewer_id, watched_s=1)
    with pytest.raises(TicketTooEarly):
        await desk.ticket(viewer, air.sale.id)
    assert await desk.ticket(replace(viewer, people=(viewer_id, was)), air.sale.id), "but what he was before does"


async def test_tickets_are_for_sales_of_the_session(place: Place):
    air = await on_air(place, units=[5])
    foreign = await open_sale(place.shop, units=[5])
    stranger = await make_merchant(place.shop.selling)
    viewer_id = place.shop.ids.new()
    for viewer, sale_id in (
        (watching(place, air, viewer_id, watched_s=99), foreign.id),
        (watching(place, air, viewer_id, watched_s=99), place.shop.ids.new()),
        (replace(watching(place, air, viewer_id, watched_s=99), merchant_id=stranger.merchant_id), air.sale.id),
    ):
        with pytest.raises(NotFound):
            await desk_of(place).ticket(viewer, sale_id)


async def test_without_the_database_the_viewer_is_told_to_try_again(place: Place):
    air, desk = await on_air(place, units=[5]), desk_of(place)
    await place.shop.pool.close()
    with pytest.raises(Unavailable):
        await desk.ticket(watching(place, air, place.shop.ids.new(), watched_s=99), air.sale.id)

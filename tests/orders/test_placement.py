"""The door to the lanes: batches, limits, the breaker; and one order per key however it is sent."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from inventory.book import SaleBook
from inventory.items import NewItem, add_item
from inventory.ledger import Ledger
from inventory.running import open_sale as open_by_hand
from inventory.running import schedule_sale
from keel.database import create_hot_pool
from keel.errors import IdempotencyKeyReused, NotFound, Refusal, Unavailable
from keel.ids import Ids
from orders import placement as module
from orders.attempt import Answer, Placed, Standing
from orders.errors import TooBusy
from orders.placement import Buyer, Placement
from orders.schemas import LineRequest, OrderRequest
from tests.inventory.selling import Sale, Shop, draft_sale, make_merchant, make_sku, open_sale
from tests.orders.serving import Served
from tests.orders.tills import till_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def door(shop: Shop, **options: Any) -> Placement:
    """As another process would have it: its own book, ids and lanes."""
    return till_of(shop, **({"ids": Ids(shop.clock)} | options))


def wish(sale: Sale, *quantities: int) -> OrderRequest:
    return OrderRequest([LineRequest(item, n) for item, n in zip(sale.item_ids, quantities, strict=False)])


async def rush(
    door: Placement, shop: Shop, sale: Sale, keys: Sequence[tuple[str, str]]
) -> list[Answer | BaseException]:
    """An order of one unit for each (customer, key), all at once."""
    merchant = shop.staff.merchant_id
    orders = (door.place(sale.id, Buyer(merchant, customer), key, wish(sale, 1)) for customer, key in keys)
    return await asyncio.gather(*orders, return_exceptions=True)


async def gate_calls(shop: Shop) -> int:
    stats: Any = (await shop.redis.info("commandstats")).get("cmdstat_evalsha", {})
    return int(stats.get("calls", 0))


def crowd(shop: Shop, count: int) -> list[tuple[str, str]]:
    return [(shop.ids.new(), "key") for _ in range(count)]


async def test_a_crowd_shares_batches_and_is_served_in_the_order_of_its_arrival(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[150])
    ours = door(shop)
    before = await gate_calls(shop)
    answers = await rush(ours, shop, sale, crowd(shop, 200))
    assert await gate_calls(shop) - before < 20
    placed = [answer for answer in answers if isinstance(answer, Placed)]
    assert [answer.attempt.no for answer in placed] == list(range(1, 151))
    assert answers[:150] == placed, "the first who came got the units"
    assert all(isinstance(answer, Refusal) for answer in answers[150:])
    await ours.drained()
    (item,) = (await shop.gate.status(sale.id, 0)).items
    assert (item.free, item.held, item.confirmed) == (0, 0, 150), "drained means confirmed"


async def test_one_key_sent_many_times_at_once_is_one_order(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[150])
    one, other, hua = door(shop), door(shop), shop.ids.new()
    answers = [
        answer
        for some in await asyncio.gather(*(rush(ours, shop, sale, [(hua, "key")] * 20) for ours in (one, other)))
        for answer in some
    ]
    ids = {
        a.attempt.claim_id if isinstance(a, Placed) else a.order_id for a in answers if isinstance(a, Placed | Standing)
    }
    assert len(ids) == 1
    assert len([answer for answer in answers if isinstance(answer, Placed)]) == 1
    assert all(isinstance(answer, Placed | Standing) for answer in answers), answers
    assert await served.free(sale) == [149]


async def test_one_key_with_two_bodies_at_once_is_one_of_them(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[150])
    buyer, ours = Buyer(shop.staff.merchant_id, shop.ids.new()), door(shop)
    answers = await asyncio.gather(*(ours.place(sale.id, buyer, "key", wish(sale, n)) for n in (1, 2, 3)))
    assert sorted(type(answer).__name__ for answer in answers) == [IdempotencyKeyReused.__name__] * 2 + ["Placed"]


async def test_a_sale_of_another_merchant_is_none(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[1])
    stranger = await make_merchant(shop.selling, "Another pond")
    with pytest.raises(NotFound):
        await door(shop).place(sale.id, Buyer(stranger.merchant_id, shop.ids.new()), "key", wish(sale, 1))


async def test_what_staff_did_a_moment_ago_is_there_for_buyers(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[9])
    ours = door(shop)
    assert isinstance((await rush(ours, shop, sale, crowd(shop, 1)))[0], Placed)  # the sale is in memory now
    new = NewItem(await make_sku(shop), price=100, units=5)
    item = await add_item(shop.selling, shop.staff, sale.id, new)
    request = OrderRequest([LineRequest(item.id, 1)])
    pending = [ours.start(sale.id, Buyer(shop.staff.merchant_id, shop.ids.new()), "key", request) for _ in range(3)]
    assert [type(answer) for answer in await asyncio.gather(*pending)] == [Placed] * 3


async def test_a_draft_that_was_asked_for_too_early_is_sold_as_soon_as_it_is_open(served: Served):
    shop = served.shop
    draft = await draft_sale(shop, units=[9])
    ours, buyer = door(shop), Buyer(shop.staff.merchant_id, shop.ids.new())
    with pytest.raises(NotFound):
        await ours.place(draft.id, buyer, "key", wish(draft, 1))
    await schedule_sale(shop.selling, shop.staff, draft.id)
    await open_by_hand(shop.selling, shop.staff, draft.id)
    assert isinstance(await ours.place(draft.id, buyer, "key", wish(draft, 1)), Placed)


async def test_more_than_may_wait_are_told_to_come_back_and_hold_nothing(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[150])
    answers = await rush(door(shop, waiting_max=10), shop, sale, crowd(shop, 30))
    kinds = [type(answer) for answer in answers]
    assert (kinds.count(Placed), kinds.count(TooBusy)) == (10, 20)
    assert await served.free(sale) == [140]


async def test_with_the_ledger_gone_the_breaker_answers_before_the_gate(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[9])
    pool = await create_hot_pool(
        shop.engine.url.render_as_string(hide_password=False).replace("+asyncpg", ""), connections=1
    )
    ledger = Ledger(pool)
    ours = door(shop, ledger=ledger, book=SaleBook(ledger))
    assert isinstance((await rush(ours, shop, sale, crowd(shop, 1)))[0], Placed)
    await ours.drained()
    await pool.close()
    for _ in range(3):
        assert [type(answer) for answer in await rush(ours, shop, sale, crowd(shop, 1))] == [Unavailable]
    before = await gate_calls(shop)
    (refused,) = await rush(ours, shop, sale, crowd(shop, 1))
    assert isinstance(refused, Unavailable)
    assert 0 < refused.retry_after_s <= 1
    assert await gate_calls(shop) == before
    assert await served.free(sale) == [8], "what was surely not sent was given back at once"


async def test_lanes_that_rest_make_room_for_others(served: Served, monkeypatch):
    monkeypatch.setattr(module, "LANES_MAX", 2)
    shop, ours = served.shop, door(served.shop)
    for _ in range(4):
        sale = await open_sale(shop, units=[1])
        assert isinstance((await rush(ours, shop, sale, crowd(shop, 1)))[0], Placed)
        await ours.drained()
    assert len(ours._lanes) <= 2


async def test_a_waiter_that_leaves_takes_nobody_with_it(served: Served):
    shop, sale = served.shop, await open_sale(served.shop, units=[9])
    ours, hua = door(shop), shop.ids.new()
    leaver = asyncio.create_task(ours.place(sale.id, Buyer(shop.staff.merchant_id, hua), "key", wish(sale, 1)))
    stayers = asyncio.create_task(rush(ours, shop, sale, crowd(shop, 3)))
    await asyncio.sleep(0)
    leaver.cancel()
    assert [type(answer) for answer in await stayers] == [Placed] * 3
    assert leaver.cancelled()
    await ours.drained()
    (again,) = await rush(ours, shop, sale, [(hua, "key")])
    assert isinstance(again, Placed | Standing)
    assert await served.free(sale) == [5]

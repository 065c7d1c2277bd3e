"""The lane between gate and ledger: old configurations, old epochs and forgotten gates are seen by no buyer as an order
at the wrong price, an order doubled, or a unit lost."""

import asyncio

import pytest

from inventory.book import SaleBook
from inventory.errors import GateRebuilding, SaleEnded, SoldOut
from inventory.items import edit_item
from inventory.rebuild import TRUST_S
from inventory.running import close_sale
from keel.errors import Unavailable
from orders.attempt import Answer, Placed, Standing
from orders.errors import PriceChanged
from orders.lane import ROUNDS_MAX
from orders.placement import Buyer
from orders.schemas import LineRequest, OrderRequest
from tests.eventually import eventually_async
from tests.inventory.selling import Sale, Shop, open_sale
from tests.orders.serving import Served
from tests.orders.tills import till_of as door_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Till:
    """A process's placement of one sale, with a book that ticks only when it is told to."""

    def __init__(self, shop: Shop, sale: Sale) -> None:
        self.shop, self.sale, self.book = shop, sale, SaleBook(shop.ledger)
        self.placement = door_of(shop, book=self.book)

    async def order(
        self, customer_id: str = "", *, key: str = "key", units: int = 1, total: int | None = None
    ) -> Answer:
        request = OrderRequest([LineRequest(self.sale.item_ids[0], units)], expected_total=total)
        buyer = Buyer(self.shop.staff.merchant_id, customer_id or self.shop.ids.new())
        return await self.placement.place(self.sale.id, buyer, key, request)


async def till_of(served: Served, *, units: int = 9) -> Till:
    return Till(served.shop, await open_sale(served.shop, units=[units]))


async def reprice(till: Till, price: int) -> None:
    shop, sale = till.shop, till.sale
    await edit_item(shop.selling, shop.staff, sale.id, sale.item_ids[0], {"price": price})


async def test_an_order_is_never_written_at_an_old_price(served: Served):
    till = await till_of(served)
    assert isinstance(await till.order(), Placed)
    await reprice(till, 9_900)
    answer = await till.order()
    assert isinstance(answer, Placed)
    assert answer.attempt.quoted.total == 9_900
    await reprice(till, 7_700)
    refused = await till.order(total=9_900)
    assert isinstance(refused, PriceChanged)
    assert (refused.expected_total, refused.total) == (9_900, 7_700)


async def test_a_price_that_changes_while_a_retry_is_under_way_does_not_change_the_order(served: Served):
    till = await till_of(served)
    hua = served.shop.ids.new()
    first = await till.order(hua)
    assert isinstance(first, Placed)
    await reprice(till, 9_900)
    assert await till.order(hua) == Standing(first.attempt.claim_id)


async def test_refusals_are_believed_only_while_the_ledgers_epoch_was_read_just_now(served: Served):
    till = await till_of(served, units=1)
    assert isinstance(await till.order(), Placed)
    assert isinstance(await till.order(), SoldOut)
    till.book._clock_s = lambda: 10.0**9  # much later, and nobody has read the epoch since
    assert isinstance(await till.order(), GateRebuilding)
    await till.book.tick()
    assert isinstance(await till.order(), SoldOut)


async def test_winners_of_an_epoch_that_is_over_go_through_the_next_gate(served: Served):
    till = await till_of(served)
    shop = served.shop
    hua = shop.ids.new()
    assert isinstance(await till.order(), Placed)
    await shop.ledger.bump_epoch(till.sale.id, 0)  # as a rebuild does first, and then it died
    refused = await till.order(hua)
    assert isinstance(refused, GateRebuilding), "the gate is not above the epoch that the ledger refused"
    assert (await served.shop.rows("SELECT sum(sold)::int AS n FROM stock WHERE sale_id = :id", id=till.sale.id)) == [
        {"n": 1}
    ]
    assert await shop.selling.rebuilder.rebuild(till.sale.id, 0)
    await till.book.tick()
    assert isinstance(await till.order(hua), Placed)
    assert await served.free(till.sale) == [7]


async def test_a_crowd_that_meets_a_rebuild_loses_nobody_and_doubles_nobody(served: Served):
    till = await till_of(served, units=100)
    shop = served.shop
    rebuilding = asyncio.create_task(shop.selling.rebuilder.rebuild(till.sale.id, 0))
    buyers = [shop.ids.new() for _ in range(60)]

    async def insist(customer_id: str) -> str:
        async with asyncio.timeout(10 * TRUST_S):
            while True:
                answer = await till.order(customer_id)
                if isinstance(answer, Placed):
                    return answer.attempt.claim_id
                if isinstance(answer, Standing):
                    return answer.order_id
                assert isinstance(answer, GateRebuilding | Unavailable), answer
                await till.book.tick()

    placed = await asyncio.gather(*(insist(buyer) for buyer in buyers))
    assert await rebuilding
    await till.placement.drained()
    assert len(set(placed)) == 60
    rows = await shop.rows("SELECT id::text FROM orders WHERE sale_id = :id", id=till.sale.id)
    assert {row["id"] for row in rows} == set(placed)
    await served.tidy()
    assert await served.free(till.sale) == [40]


async def test_a_forgotten_gate_answers_nobody_until_it_is_rebuilt(served: Served):
    till = await till_of(served)
    hua = served.shop.ids.new()
    first = await till.order(hua)
    assert isinstance(first, Placed)
    async for key in served.shop.redis.scan_iter(served.shop.gate.base(till.sale.id, 0) + "*"):
        await served.shop.redis.delete(key)
    assert isinstance(await till.order(hua), GateRebuilding)
    await served.shop.selling.rebuilder.rebuild(till.sale.id, 0)
    await till.book.tick()
    assert await till.order(hua) == Standing(first.attempt.claim_id)
    assert await served.free(till.sale) == [8]


async def test_a_settled_sale_is_answered_from_its_claims_without_a_gate(served: Served):
    till = await till_of(served)
    hua, shop = served.shop.ids.new(), served.shop
    first = await till.order(hua)
    assert isinstance(first, Placed)
    await close_sale(shop.selling, shop.staff, till.sale.id)
    await till.book.refresh(till.sale.id)
    async for key in shop.redis.scan_iter(shop.gate.base(till.sale.id, 0) + "*"):
        await shop.redis.delete(key)
    assert isinstance(await till.order(hua), GateRebuilding)  # a hold could be on its way into the ledger still
    await served.upkeep.reconcile_all()
    await till.book.refresh(till.sale.id)
    assert await till.order(hua) == Standing(first.attempt.claim_id)
    assert isinstance(await till.order(), SaleEnded)


async def test_a_retry_after_the_close_is_not_told_ended_while_its_first_request_is_under_way(served: Served):
    till, shop = await till_of(served), served.shop
    other, hua = Till(shop, till.sale), shop.ids.new()
    async with shop.pool.acquire() as blocker, asyncio.TaskGroup() as group:
        async with blocker.transaction():
            await blocker.execute("SELECT FROM stock WHERE sale_id = $1 FOR UPDATE", till.sale.id)
            first = group.create_task(till.order(hua))
            await eventually_async(lambda: held(served, till.sale, 1))
            await close_sale(shop.selling, shop.staff, till.sale.id)
            retry = group.create_task(other.order(hua))
            await eventually_async(lambda: joined(served, till.sale))
        placed = await first
    assert isinstance(placed, Placed), placed
    assert retry.result() == Standing(placed.attempt.claim_id)


async def held(served: Served, sale: Sale, count: int) -> bool:
    return (await served.shop.gate.status(sale.id, 0)).held == count


async def joined(served: Served, sale: Sale) -> bool:
    """Whether a retry has been told that the key stands."""
    entries = await served.shop.redis.hvals(f"{served.shop.gate.base(sale.id, 0)}:1:entries")
    return [entry[1:2] for entry in entries] == [b"1"]


async def test_an_attempt_goes_round_a_few_times_at_most(served: Served, monkeypatch):
    """As if staff changed the sale faster than its configuration can be read."""
    till = await till_of(served)
    versions: list[int] = []
    hold = served.shop.gate.hold

    async def hold_at_an_older_version(*args, version: int, **options):
        versions.append(version)
        return await hold(*args, version=version - 1, **options)

    monkeypatch.setattr(served.shop.gate, "hold", hold_at_an_older_version)
    assert isinstance(await till.order(), GateRebuilding)
    assert len(versions) == ROUNDS_MAX + 1
    assert await served.free(till.sale) == [9]

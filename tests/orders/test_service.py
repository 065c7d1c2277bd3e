"""Orders that stand: seen by their own buyer only, moved once whoever races, and their units back on sale."""

import asyncio
from typing import Any

import pytest

from keel.errors import NotFound
from keel.outbox import Relay
from millpond.wiring import SUBSCRIPTIONS
from orders import service
from orders.errors import MoveRefused
from orders.metrics import EXPIRY_FAILURES
from orders.model import OrderState
from orders.service import EXPIRE_BATCH_MAX, Orders
from orders.store import DuePlace
from tests.inventory.selling import Sale, make_merchant, open_sale
from tests.orders.serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD_S = 60


def orders_of(served: Served) -> Orders:
    return Orders(served.parts.ledger, served.shop.clock, SUBSCRIPTIONS["order.lapsed"])


async def place(served: Served, sale: Sale, customer_id: str, *quantities: int) -> str:
    answer = await served.order(sale, served.wish(sale, *quantities), customer_id=customer_id)
    assert answer.status_code == 201, answer.text
    order_id: str = answer.json()["id"]
    return order_id


async def one_sale(served: Served, **options: Any) -> tuple[Sale, str, str]:
    """A sale of 20 units, its merchant and a fresh customer."""
    sale = await open_sale(served.shop, **({"units": [20], "hold_ttl_s": HOLD_S} | options))
    return sale, served.shop.staff.merchant_id, served.shop.ids.new()


async def sold(served: Served, sale: Sale) -> int:
    return int((await served.shop.rows("SELECT sum(sold) AS n FROM stock WHERE sale_id = :id", id=sale.id))[0]["n"])


async def history(served: Served, order_id: str) -> list[tuple[str, str, str | None]]:
    rows = await served.shop.rows(
        "SELECT state, actor, reason FROM order_history WHERE order_id = :id ORDER BY at, state", id=order_id
    )
    return [(row["state"], row["actor"], row["reason"]) for row in rows]


async def facts(served: Served, order_id: str) -> list[dict[str, Any]]:
    query = "SELECT payload FROM outbox_event WHERE aggregate = :id AND topic = 'order.lapsed'"
    return [row["payload"] for row in await served.shop.rows(query, id=order_id)]


async def test_an_order_is_read_by_its_own_customer_only(served: Served):
    sale, merchant, hua = await one_sale(served)
    order_id = await place(served, sale, hua, 2)
    orders, ids = orders_of(served), served.shop.ids
    stranger = (await make_merchant(served.shop.selling, "Another pond")).merchant_id
    assert (await orders.read(merchant, hua, order_id)).lines[0].quantity == 2
    for merchant_id, customer_id, wanted in (
        (merchant, ids.new(), order_id),
        (stranger, hua, order_id),
        (merchant, hua, ids.new()),
    ):
        with pytest.raises(NotFound):
            await orders.read(merchant_id, customer_id, wanted)
        with pytest.raises(NotFound):
            await orders.cancel(merchant_id, customer_id, wanted, None)
    assert await orders.page(stranger, hua, None, 10) == []
    assert (await orders.read(merchant, hua, order_id)).state == OrderState.AWAITING_PAYMENT


async def test_pages_are_stable_while_new_orders_come_in(served: Served):
    sale, merchant, hua = await one_sale(served)
    ming = served.shop.ids.new()
    mine = []
    for _ in range(7):
        mine.append(await place(served, sale, hua, 1))
        await place(served, sale, ming, 1)
    orders, seen, below = orders_of(served), list[str](), None
    while page := await orders.page(merchant, hua, below, 3):
        seen += [order.id for order in page]
        below = page[-1].id
        await place(served, sale, hua, 1)
    assert seen == list(reversed(mine)), "newest first, each once, nothing that came later"
    assert [order.id for order in await orders.page(merchant, hua, mine[3], 2)] == [mine[2], mine[1]]


async def test_cancelled_it_gives_its_units_back_and_says_who_and_why(served: Served):
    sale, merchant, hua = await one_sale(served, units=[20, 20])
    order_id = await place(served, sale, hua, 2, 3)
    orders = orders_of(served)
    order = await orders.cancel(merchant, hua, order_id, "changed my mind")
    assert order.state == OrderState.CANCELLED
    assert await sold(served, sale) == 0
    assert await history(served, order_id) == [
        ("awaiting_payment", "customer", None),
        ("cancelled", "customer", "changed my mind"),
    ]
    (fact,) = await facts(served, order_id)
    assert (fact["sale_id"], fact["customer_id"], fact["id"]) == (sale.id, hua, order_id)
    assert fact["epoch"] == (await served.shop.gate.status(sale.id, 0)).epoch
    assert await orders.cancel(merchant, hua, order_id, "again") == order, "safe to repeat"
    assert len(await facts(served, order_id)) == 1
    assert await sold(served, sale) == 0


async def test_what_is_paid_or_expired_cannot_be_cancelled(served: Served):
    free_sale, merchant, hua = await one_sale(served, price=0)
    paid = await place(served, free_sale, hua, 1)
    sale, _, _ = await one_sale(served)
    late = await place(served, sale, hua, 1)
    orders = orders_of(served)
    served.shop.clock.advance(s=HOLD_S)
    await orders.expire_due()
    for order_id, state in ((paid, OrderState.PAID), (late, OrderState.EXPIRED)):
        with pytest.raises(MoveRefused) as refused:
            await orders.cancel(merchant, hua, order_id, None)
        assert (refused.value.state, refused.value.target) == (state, OrderState.CANCELLED)
    assert await sold(served, free_sale) == 1


async def test_an_order_expires_at_its_time_and_not_before(served: Served):
    sale, merchant, hua = await one_sale(served)
    orders = orders_of(served)
    await orders.expire_due()
    order_id = await place(served, sale, hua, 4)
    served.shop.clock.advance(ms=HOLD_S * 1000 - 1)
    assert await orders.expire_due() == 0
    served.shop.clock.advance(ms=1)
    assert await orders.expire_due() == 1
    assert await orders.expire_due() == 0
    assert (await orders.read(merchant, hua, order_id)).state == OrderState.EXPIRED
    assert (await history(served, order_id))[-1] == ("expired", "worker", "not paid in time")
    assert await sold(served, sale) == 0


async def test_one_round_of_expiry_is_bounded_and_the_oldest_go_first(served: Served):
    sale, _, _ = await one_sale(served, units=[1_000])
    await orders_of(served).expire_due()
    waves = []
    for count in (EXPIRE_BATCH_MAX - 6, 10):
        buyers = [served.shop.ids.new() for _ in range(count)]
        waves.append(await asyncio.gather(*(place(served, sale, buyer, 1) for buyer in buyers)))
        served.shop.clock.advance(s=1)
    served.shop.clock.advance(s=HOLD_S)
    orders = orders_of(served)
    assert [await orders.expire_due() for _ in range(3)] == [EXPIRE_BATCH_MAX, 4, 0]
    assert await sold(served, sale) == 0


async def test_an_order_that_cannot_lapse_holds_nobody_else_back(served: Served, monkeypatch):
    monkeypatch.setattr(service, "EXPIRE_BATCH_MAX", 2)
    sale, merchant, _ = await one_sale(served)
    orders, placed = orders_of(served), {}
    await orders.expire_due()
    for _ in range(4):
        buyer = served.shop.ids.new()
        placed[buyer] = await place(served, sale, buyer, 1)
        served.shop.clock.advance(ms=1)
    buyers = list(placed)
    # What a lapse has to write is there already, for the two oldest: their lapse breaks a constraint.
    for order_id in [placed[buyer] for buyer in buyers[:2]]:
        await served.shop.pool.execute(
            "INSERT INTO order_history (merchant_id, order_id, state, at, actor) VALUES ($1, $2, 'expired', $3, 'x')",
            merchant, order_id, served.shop.clock.now(),
        )  # fmt: skip
    served.shop.clock.advance(s=HOLD_S)
    failures, place_in_line = EXPIRY_FAILURES._value.get(), DuePlace()
    assert [await orders.expire_due(place_in_line) for _ in range(3)] == [2, 2, 0]
    states = [(await orders.read(merchant, buyer, placed[buyer])).state for buyer in buyers]
    assert states == ["awaiting_payment", "awaiting_payment", "expired", "expired"]
    assert EXPIRY_FAILURES._value.get() == failures + 2
    await served.shop.pool.execute("DELETE FROM order_history WHERE actor = 'x'")
    assert await orders.expire_due() == 2, "the next round begins with the oldest again"
    assert await sold(served, sale) == 0


async def test_of_cancel_and_expiry_that_race_exactly_one_moves_an_order(served: Served):
    sale, merchant, _ = await one_sale(served)
    buyers = [served.shop.ids.new() for _ in range(12)]
    placed = {buyer: await place(served, sale, buyer, 1) for buyer in buyers}
    served.shop.clock.advance(s=HOLD_S)
    orders = orders_of(served)
    cancels = [orders.cancel(merchant, buyer, order_id, None) for buyer, order_id in placed.items()]
    answers = await asyncio.gather(
        *cancels[:6], orders.expire_due(), *cancels[6:], orders.expire_due(), return_exceptions=True
    )
    assert all(not isinstance(answer, BaseException) or isinstance(answer, MoveRefused) for answer in answers), answers
    for buyer, order_id in placed.items():
        states = [state for state, _, _ in await history(served, order_id)]
        assert len(states) == 2
        assert (await orders.read(merchant, buyer, order_id)).state in set(states) - {"awaiting_payment"}
        assert len(await facts(served, order_id)) == 1
    assert await sold(served, sale) == 0


async def test_units_and_limit_of_a_lapsed_order_are_there_again_once_its_fact_was_heard(served: Served):
    sale, merchant, hua = await one_sale(served, units=[2], limit=2)
    key = served.shop.ids.new()
    wish = served.wish(sale, 2)
    first = await served.order(sale, wish, key=key, customer_id=hua)
    await orders_of(served).cancel(merchant, hua, first.json()["id"], None)
    assert await served.free(sale) == [0]
    await Relay(served.parts.pool, served.parts.subscribers(), served.shop.clock).tick()
    assert await served.free(sale) == [2]
    again = await served.order(sale, wish, key=key, customer_id=hua)
    assert (again.status_code, again.json()["state"]) == (200, "cancelled"), "the old key stands for the old order"
    assert (await served.order(sale, wish, customer_id=hua)).status_code == 201

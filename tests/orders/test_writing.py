"""The lane's way through the ledger: a batch that fails fails alone, and what the ledger refuses is an alarm."""

import asyncio

import pytest

from keel.errors import Refusal, Unavailable
from orders import writing
from orders.attempt import Answer, Placed
from orders.metrics import STOCK_ALARMS
from orders.placement import Buyer
from orders.schemas import LineRequest, OrderRequest, Recipient
from orders.store import order_rows, place_batch
from tests.inventory.selling import Sale, open_sale
from tests.orders.serving import Served
from tests.orders.tills import till_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def rush(served: Served, sale: Sale, count: int, recipient: Recipient | None = None) -> list[Answer]:
    shop = served.shop
    door = till_of(shop)
    request = OrderRequest([LineRequest(sale.item_ids[0], 1)], recipient=recipient)
    merchant = shop.staff.merchant_id
    buyers = [Buyer(merchant, shop.ids.new()) for _ in range(count)]
    answers = await asyncio.gather(*(door.place(sale.id, buyer, "key", request) for buyer in buyers))
    await door.drained()
    return list(answers)


async def test_of_a_batch_that_the_ledger_cannot_serve_whole_the_first_are_served_and_the_rest_raise_an_alarm(
    served: Served, caplog
):
    """Unreachable by the rules: here somebody took units away behind the gate's back."""
    sale = await open_sale(served.shop, units=[9])
    await served.parts.pool.execute("UPDATE stock SET allocated = 3 WHERE sale_id = $1", sale.id)
    before = STOCK_ALARMS._value.get()
    answers = await rush(served, sale, 5)
    assert [type(answer) for answer in answers] == [Placed] * 3 + [Unavailable] * 2
    assert STOCK_ALARMS._value.get() == before + 2
    assert caplog.text.count("ALARM") == 2
    rows = await served.shop.rows("SELECT sold, allocated FROM stock WHERE sale_id = :id", id=sale.id)
    assert rows == [{"sold": 3, "allocated": 3}]
    await served.tidy()
    assert await served.free(sale) == [6], "the sweeper gave back what was held and not written"


async def test_a_batch_of_several_writes_all_that_belongs_to_each(served: Served):
    sale = await open_sale(served.shop, units=[9])
    answers = await rush(served, sale, 5, Recipient("华", "1", "一号"))
    placed = [answer.attempt.claim_id for answer in answers if isinstance(answer, Placed)]
    assert len(placed) == 5
    for table in ("order_line", "order_history", "order_recipient"):
        query = f"SELECT count(*)::int AS n FROM {table} WHERE order_id = ANY (:ids)"
        assert await served.shop.rows(query, ids=placed) == [{"n": 5}]
    rows = await order_rows(served.shop.ledger, served.shop.staff.merchant_id, placed, None)
    assert {str(row["id"]) for row in rows} == set(placed)
    facts = "SELECT count(*)::int AS n FROM outbox_event WHERE id = ANY (:ids) AND topic = 'order.placed'"
    assert await served.shop.rows(facts, ids=placed) == [{"n": 5}]


async def test_a_batch_that_meets_a_lock_is_answered_in_time_and_may_be_sent_again(served: Served):
    sale = await open_sale(served.shop, units=[9])
    async with served.parts.pool.acquire() as other, other.transaction():
        await other.execute("SELECT FROM stock WHERE sale_id = $1 FOR UPDATE", sale.id)
        answers = await rush(served, sale, 3)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert await served.free(sale) == [9], "rolled back, so surely not sent: given back at once"
    assert [type(answer) for answer in await rush(served, sale, 3)] == [Placed] * 3


async def test_a_fault_of_ours_answers_everybody_in_the_batch(served: Served, monkeypatch, caplog):
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    sale = await open_sale(served.shop, units=[9])
    monkeypatch.setattr(writing, "place_batch", broken)
    answers = await rush(served, sale, 3)
    assert all(isinstance(answer, Refusal) and answer.status == 503 for answer in answers)
    assert "a fault of ours" in caplog.text
    monkeypatch.setattr(writing, "place_batch", place_batch)
    await served.tidy()
    assert await served.free(sale) == [9]

"""What staff do with orders: once, whoever races; with a trace; and never with another merchant's."""

import asyncio
from typing import Any

import pytest

from accounts.tokens import Claims
from keel.errors import Conflict, NotFound
from keel.identity import Principal, Role
from millpond.wiring import SUBSCRIPTIONS
from orders import handling as use_cases
from orders import own
from orders.errors import MoveRefused, RecipientFixed
from orders.handling import Handling, add_note, cancel_order, read_order, set_recipient
from orders.model import OrderState
from orders.recipients import Whom
from orders.service import Orders
from tests.inventory.selling import Sale, make_merchant, open_sale
from tests.orders.serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOLD_S = 60
HUA = Whom(name="华", phone="13800001234", address="北京市朝阳区一号")
MING = Whom(name="Ming", phone="13900005678", address="上海市二号")


def claims(merchant_id: str, customer_id: str) -> Claims:
    """What a token of this customer says."""
    return Claims(sub=customer_id, mid=merchant_id, exp=0)


@pytest.fixture
def handling(served: Served) -> Handling:
    parts = served.parts
    return Handling(parts.sessions, parts.ids, served.shop.clock, SUBSCRIPTIONS["order.lapsed"])


@pytest.fixture
def orders(served: Served) -> Orders:
    return Orders(served.parts.ledger, served.shop.clock, SUBSCRIPTIONS["order.lapsed"])


async def place(served: Served, customer_id: str = "", **options: Any) -> tuple[Sale, str]:
    sale = await open_sale(served.shop, **({"units": [5], "hold_ttl_s": HOLD_S} | options))
    answer = await served.order(sale, served.wish(sale, 2), customer_id=customer_id)
    assert answer.status_code == 201, answer.text
    return sale, answer.json()["id"]


async def sold(served: Served, sale: Sale) -> int:
    return int((await served.shop.rows("SELECT sum(sold) AS n FROM stock WHERE sale_id = :id", id=sale.id))[0]["n"])


async def audited(served: Served, order_id: str) -> list[tuple[str, Any]]:
    query = "SELECT command, detail FROM staff_audit WHERE subject_id = :id ORDER BY id"
    return [(row["command"], row["detail"]) for row in await served.shop.rows(query, id=order_id)]


async def pay(served: Served, order_id: str) -> None:
    """What a payment does to an order's row."""
    statement = "UPDATE orders SET state = 'paid' WHERE id = $1 AND state = 'awaiting_payment'"
    await served.shop.pool.execute(statement, order_id)


async def test_cancelled_by_staff_the_units_go_back_and_the_history_says_who_and_why(served: Served, handling):
    sale, order_id = await place(served)
    by = served.shop.staff
    order = await cancel_order(handling, by, order_id, "the buyer called")
    assert order.state is OrderState.CANCELLED
    assert [(step.state, step.actor, step.reason) for step in order.history] == [
        ("awaiting_payment", "customer", None),
        ("cancelled", "hua", "the buyer called"),
    ]
    assert await sold(served, sale) == 0
    again = await cancel_order(handling, by, order_id, "once more")
    assert again.history == order.history, "safe to repeat"
    assert await audited(served, order_id) == [("order.cancel", {"reason": "the buyer called"})]
    query = "SELECT count(*)::int AS n FROM outbox_delivery WHERE aggregate = :id AND subscriber = 'gate-releases'"
    assert (await served.shop.rows(query, id=order_id))[0]["n"] == 1, "the gate hears of it"


async def test_of_cancels_and_expiry_that_race_exactly_one_moves_the_order(served: Served, handling, orders):
    for _ in range(5):
        sale, order_id = await place(served)
        served.shop.clock.advance(s=HOLD_S)
        by = served.shop.staff
        answers = await asyncio.gather(
            cancel_order(handling, by, order_id, "one"),
            orders.expire_due(),
            cancel_order(handling, by, order_id, "two"),
            return_exceptions=True,
        )
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert all(isinstance(answer, MoveRefused) for answer in refused), answers
        order = await read_order(handling, by, order_id)
        assert len(order.history) == 2
        assert await sold(served, sale) == 0
        cancelled = order.state is OrderState.CANCELLED
        assert len(await audited(served, order_id)) == (1 if cancelled else 0)
        assert len(refused) == (0 if cancelled else 2)


async def test_what_is_paid_cannot_be_cancelled_and_leaves_no_trace(served: Served, handling):
    sale, order_id = await place(served)
    await pay(served, order_id)
    with pytest.raises(MoveRefused) as refused:
        await cancel_order(handling, served.shop.staff, order_id, "too late")
    assert refused.value.state == "paid"
    assert await sold(served, sale) == 2
    assert await audited(served, order_id) == []


async def test_a_recipient_is_set_until_payment_by_the_customer_and_after_it_by_staff(served: Served, handling, orders):
    hua, by = served.shop.ids.new(), served.shop.staff
    _, order_id = await place(served, hua, needs_recipient=True)
    assert (await read_order(handling, by, order_id)).missing == ["recipient"]
    assert (await own.read(orders, claims(by.merchant_id, hua), order_id)).missing == ["recipient"]
    mine = await own.put_recipient(orders, claims(by.merchant_id, hua), order_id, HUA)
    assert (mine.recipient and mine.recipient.phone, mine.missing) == (HUA.phone, [])
    await pay(served, order_id)
    with pytest.raises(RecipientFixed):
        await own.put_recipient(orders, claims(by.merchant_id, hua), order_id, MING)
    order = await set_recipient(handling, by, order_id, MING)
    assert order.recipient is not None
    assert (order.recipient.name, order.recipient.address, order.recipient.masked) == (MING.name, MING.address, False)
    trace = await audited(served, order_id)
    assert trace == [("order.recipient", {"state": "paid"})], "no personal data in the audit"


async def test_nobody_sets_the_recipient_of_a_lapsed_or_foreign_order(served: Served, handling, orders):
    hua, by = served.shop.ids.new(), served.shop.staff
    _, order_id = await place(served, hua)
    for customer_id in (served.shop.ids.new(),):
        with pytest.raises(NotFound):
            await own.put_recipient(orders, claims(by.merchant_id, customer_id), order_id, MING)
    await cancel_order(handling, by, order_id, "gone")
    with pytest.raises(RecipientFixed):
        await own.put_recipient(orders, claims(by.merchant_id, hua), order_id, HUA)
    with pytest.raises(RecipientFixed):
        await set_recipient(handling, by, order_id, HUA)
    assert await served.shop.rows("SELECT 1 FROM order_recipient WHERE order_id = :id", id=order_id) == []


async def test_a_recipient_that_races_payment_comes_before_it_or_not_at_all(served: Served, orders):
    hua, merchant_id = served.shop.ids.new(), served.shop.staff.merchant_id
    _, order_id = await place(served, hua)
    async with served.shop.pool.acquire() as payment:
        begun = payment.transaction()
        await begun.start()
        await payment.execute("UPDATE orders SET state = 'paid' WHERE id = $1", order_id)
        setting = asyncio.create_task(own.put_recipient(orders, claims(merchant_id, hua), order_id, HUA))
        await asyncio.wait([setting], timeout=0.2)
        assert not setting.done(), "it waits for the payment to be decided"
        await begun.commit()
    with pytest.raises(RecipientFixed):
        await setting
    assert await served.shop.rows("SELECT 1 FROM order_recipient WHERE order_id = :id", id=order_id) == []


async def test_notes_are_kept_in_order_with_their_authors(served: Served, handling, monkeypatch):
    monkeypatch.setattr(use_cases, "NOTES_MAX", 2)
    _, order_id = await place(served)
    by = served.shop.staff
    wei = Principal(by.merchant_id, "wei", Role.HOST)
    await add_note(handling, by, order_id, "called, no answer")
    order = await add_note(handling, wei, order_id, "called again:\nsend it on Monday")
    assert [(note.author, note.text) for note in order.notes] == [
        ("hua", "called, no answer"),
        ("wei", "called again:\nsend it on Monday"),
    ]
    with pytest.raises(Conflict):
        await add_note(handling, by, order_id, "one too many")
    assert [command for command, _ in await audited(served, order_id)] == ["order.note", "order.note"]


async def test_another_merchants_order_looks_like_none(served: Served, handling):
    _, order_id = await place(served)
    number = (await read_order(handling, served.shop.staff, order_id)).number
    stranger = await make_merchant(served.shop.selling, "Another pond")
    for attempt in (
        read_order(handling, stranger, order_id),
        read_order(handling, stranger, number),
        cancel_order(handling, stranger, order_id, "mine now"),
        set_recipient(handling, stranger, order_id, MING),
        add_note(handling, stranger, order_id, "hello"),
    ):
        with pytest.raises(NotFound) as refused:
            await attempt
        assert refused.value.what == "order"
    order = await read_order(handling, served.shop.staff, number)
    assert (order.id, order.state, order.notes) == (order_id, OrderState.AWAITING_PAYMENT, [])


async def test_who_need_not_know_the_recipient_reads_him_masked(served: Served, handling):
    _, order_id = await place(served)
    await set_recipient(handling, served.shop.staff, order_id, HUA)
    for role, masked in ((Role.OWNER, False), (Role.OPERATOR, False), (Role.HOST, True), (Role.ANALYST, True)):
        by = Principal(served.shop.staff.merchant_id, "wei", role)
        recipient = (await read_order(handling, by, order_id)).recipient
        assert recipient is not None
        assert recipient.masked is masked
        assert (recipient.address == HUA.address) is not masked

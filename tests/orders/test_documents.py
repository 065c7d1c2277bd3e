"""A stored order reads exactly as it was answered."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from orders.documents import document_of_row
from orders.model import order_number
from orders.schemas import ReceiptLine

ORDER_ID = "01a3185c-5000-7000-8000-000000000000"
PLACED_AT = datetime(2027, 1, 15, 8, 0, 0, 123_000, UTC)
ROW: dict[str, Any] = {
    "id": ORDER_ID,
    "sale_id": "01a3185c-5000-7000-8000-000000000001",
    "state": "awaiting_payment",
    "currency": "CNY",
    "total": 29_800,
    "lines": '[{"item_id": "x", "quantity": 2, "unit_price": 14900, "amount": 29800}]',
    "placed_at": PLACED_AT,
    "expires_at": PLACED_AT + timedelta(seconds=900),
    "verdict_no": 7,
    "allocated": 10,
    "served_at": PLACED_AT - timedelta(milliseconds=2),
}


def document(**members: Any):
    row: Any = ROW | members
    return document_of_row(row)


def test_every_member_comes_from_the_row():
    order = document()
    assert (order.id, order.number, order.state, order.total) == (
        ORDER_ID,
        order_number(ORDER_ID),
        "awaiting_payment",
        29_800,
    )
    assert order.lines == [ReceiptLine("x", 2, 14_900, 29_800)]
    assert (order.placed_at, order.expires_at) == ("2027-01-15T08:00:00.123Z", "2027-01-15T08:15:00.123Z")
    assert (order.receipt.no, order.receipt.of, order.receipt.served_at) == (7, 10, "2027-01-15T08:00:00.121Z")


def test_times_are_utc_whatever_zone_the_database_speaks():
    shanghai = timezone(timedelta(hours=8))
    assert document(placed_at=PLACED_AT.astimezone(shanghai)).placed_at == document().placed_at


def test_lines_keep_their_order():
    lines = [{"item_id": name, "quantity": 1, "unit_price": 1, "amount": 1} for name in "cab"]
    text = str(lines).replace("'", '"')
    assert [line.item_id for line in document(lines=text).lines] == ["c", "a", "b"]

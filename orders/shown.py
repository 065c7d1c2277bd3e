"""Stored orders as the documents that staff read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orders.model import order_number
from orders.recipients import Whom, missing_of
from orders.schemas_staff import OrderBrief, OrderOut, RecipientOut
from orders.tables import OrderHistoryRow, OrderNoteRow

_AMOUNTS: Final = ("lines_total", "adjustment_total", "shipping_total", "refunded_total")
_ON_AIR: Final = ("room_id", "session_id", "pin_id")
_lines = msgspec.json.Decoder(list[dict[str, Any]]).decode


def whom_of(row: Mapping[str, Any]) -> Whom | None:
    """The recipient in a row of `orders.store_staff.rows`."""
    return None if row["name"] is None else Whom(name=row["name"], phone=row["phone"], address=row["address"])


def brief_of(row: Mapping[str, Any], *, plain: bool) -> OrderBrief:
    """An order in a list; the recipient unmasked where `plain`."""
    return OrderBrief.model_validate(_values(row, plain=plain))


def order_of(
    row: Mapping[str, Any], history: Sequence[OrderHistoryRow], notes: Sequence[OrderNoteRow], *, plain: bool
) -> OrderOut:
    """An order with all that is known of it."""
    rest: dict[str, Any] = {name: row[name] for name in _AMOUNTS}
    rest |= {name: None if row[name] is None else str(row[name]) for name in _ON_AIR}
    rest["broadcast_offset_ms"] = row["broadcast_offset_ms"]
    rest |= {"receipt_no": row["verdict_no"], "history": history, "notes": notes}
    return OrderOut.model_validate(_values(row, plain=plain) | rest)


def lines_of_row(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines in a row of `orders.store_staff.rows`."""
    return _lines(row["lines"] or "[]")


def _values(row: Mapping[str, Any], *, plain: bool) -> dict[str, Any]:
    whom, lines, order_id = whom_of(row), lines_of_row(row), str(row["id"])
    as_they_are = ("sale_title", "currency", "total", "placed_at", "expires_at", "share_code", "rehearsal")
    return {name: row[name] for name in as_they_are} | {
        "id": order_id,
        "number": order_number(order_id),
        "state": row["state"],
        "sale_id": str(row["sale_id"]),
        "customer_id": str(row["customer_id"]),
        "recipient": None if whom is None else _recipient(whom, plain=plain),
        "missing": missing_of(row["state"], whom, to_be_sent=any(line["needs_recipient"] for line in lines)),
        "lines": lines,
    }


def _recipient(whom: Whom, *, plain: bool) -> RecipientOut:
    shown = whom if plain else whom.masked()
    return RecipientOut(name=shown.name, phone=shown.phone, address=shown.address, masked=not plain)

"""Orders as lines of a CSV file that spreadsheets open as it is meant: UTF-8 with its mark, and no cell a formula."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.clock import rfc3339, to_ms
from keel.spreadsheets import BOM, line_of
from orders.model import order_number
from orders.shown import lines_of_row, whom_of

COLUMNS: Final = (
    "number", "id", "state", "placed_at", "sale", "sale_id", "customer_id", "items", "units", "currency",
    "total_minor_units", "share_code", "rehearsal", "recipient_name", "recipient_phone", "recipient_address",
)  # fmt: skip


def head() -> bytes:
    """The file's first line."""
    return f"{BOM}{line_of(COLUMNS)}".encode()


def body(rows: Sequence[Mapping[str, Any]], *, plain: bool) -> bytes:
    """A line for each row of `orders.store_staff.rows`; recipients as they are where `plain`."""
    return "".join([line_of(_cells(row, plain=plain)) for row in rows]).encode()


def _cells(row: Mapping[str, Any], *, plain: bool) -> list[str | int]:
    order_id, lines, whom = str(row["id"]), lines_of_row(row), whom_of(row)
    shown = whom if plain or whom is None else whom.masked()
    return [
        order_number(order_id),
        order_id,
        row["state"],
        rfc3339(to_ms(row["placed_at"])),
        row["sale_title"],
        str(row["sale_id"]),
        str(row["customer_id"]),
        "; ".join(f"{line['sku_code']} {line['title']} × {line['quantity']}" for line in lines),
        sum(line["quantity"] for line in lines),
        row["currency"],
        row["total"],
        row["share_code"] or "",
        "yes" if row["rehearsal"] else "no",
        *(["", "", ""] if shown is None else [shown.name, shown.phone, shown.address]),
    ]

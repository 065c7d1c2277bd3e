"""Stored orders as the documents that buyers read."""

import msgspec

from keel.clock import rfc3339, to_ms
from keel.database import Row
from orders.model import order_number
from orders.schemas import OrderDocument, Receipt, ReceiptLine

_lines = msgspec.json.Decoder(list[ReceiptLine]).decode


def document_of_row(row: Row) -> OrderDocument:
    """An order's document from a row of `orders.store.order_rows`."""
    return OrderDocument(
        id=str(row["id"]),
        number=order_number(str(row["id"])),
        sale_id=str(row["sale_id"]),
        state=row["state"],
        currency=row["currency"],
        total=row["total"],
        lines=_lines(row["lines"]),
        placed_at=rfc3339(to_ms(row["placed_at"])),
        expires_at=rfc3339(to_ms(row["expires_at"])),
        receipt=Receipt(no=row["verdict_no"], of=row["allocated"], served_at=rfc3339(to_ms(row["served_at"]))),
    )

"""Orders as lines of a CSV file that spreadsheets open as it is meant: UTF-8 with its mark, and no cell a formula."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from keel.clock import rfc3339, to_ms
from orders.model import order_number
from orders.shown import lines_of_row, whom_of

COLUMNS: Final = (
    "number", "id", "state", "placed_at", "sale", "sale_id", "customer_id", "items", "units", "currency",
    "total_minor_units", "share_code", "rehearsal", "recipient_name", "recipient_phone", "recipient_address",
)  # fmt: skip
_MARK: Final = "\ufeff"  # without it Excel takes the file for the system's old code page, and 华 for three other signs
# What a spreadsheet runs when a cell begins with it; full-width forms too, which some turn into the plain ones.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def head() -> bytes:
    """The file's first line."""
    return _MARK.encode() + _text([COLUMNS])


def body(rows: Sequence[Mapping[str, Any]], *, plain: bool) -> bytes:
    """A line for each row of `orders.store_staff.rows`; recipients as they are where `plain`."""
    return _text([_cells(row, plain=plain) for row in rows])


def safe(text: str) -> str:
    """The text, behind a quote where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _cells(row: Mapping[str, Any], *, plain: bool) -> list[str | int]:
    order_id, lines, whom = str(row["id"]), lines_of_row(row), whom_of(row)
    shown = whom if plain or whom is None else whom.masked()
    return [
        order_number(order_id),
        order_id,
        row["state"],
        rfc3339(to_ms(row["placed_at"])),
        safe(row["sale_title"]),
        str(row["sale_id"]),
        str(row["customer_id"]),
        safe("; ".join(f"{line['sku_code']} {line['title']} × {line['quantity']}" for line in lines)),
        sum(line["quantity"] for line in lines),
        row["currency"],
        row["total"],
        safe(row["share_code"] or ""),
        "yes" if row["rehearsal"] else "no",
        *(["", "", ""] if shown is None else [safe(shown.name), safe(shown.phone), safe(shown.address)]),
    ]


def _text(lines: Sequence[Sequence[str | int]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(lines)
    return file.getvalue().encode()

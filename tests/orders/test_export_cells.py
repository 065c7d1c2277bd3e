"""A file of orders opens in a spreadsheet as text, in every script, and nothing in it is run."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from orders.export_cells import COLUMNS, body, head

LINE = {"sku_code": "B-1", "title": "=cmd|' /C calc'!A0", "quantity": 2}


def row(**values: Any) -> dict[str, Any]:
    known = {
        "id": "01a3185c-5000-7000-ab5c-140babbea4fe",
        "state": "paid",
        "placed_at": datetime(2027, 1, 15, 8, tzinfo=UTC),
        "sale_title": "九点, “刷子”",
        "sale_id": "01a3185c-5000-7002-ba7e-b47147be595c",
        "customer_id": "01a3185c-5000-7003-ba7e-b47147be595c",
        "lines": msgspec.json.encode([LINE]).decode(),
        "currency": "CNY",
        "total": 29_800,
        "share_code": None,
        "rehearsal": False,
        "name": "华",
        "phone": "+8613800001234",
        "address": "北京市\t一号",
    }
    return known | values


def read(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def test_the_file_begins_with_the_mark_that_excel_needs():
    assert head().startswith(b"\xef\xbb\xbfnumber,id,")
    assert head().endswith(b"\r\n")


def test_every_cell_comes_back_as_it_was():
    (cells,) = read(head() + body([row()], plain=True))
    assert tuple(cells) == COLUMNS
    assert (cells["sale"], cells["total_minor_units"], cells["units"]) == ("九点, “刷子”", "29800", "2")
    assert (cells["items"], cells["placed_at"]) == ("B-1 =cmd|' /C calc'!A0 × 2", "2027-01-15T08:00:00.000Z")
    assert (cells["recipient_name"], cells["recipient_phone"]) == ("华", "'+8613800001234")
    (masked,) = read(head() + body([row()], plain=False))
    assert [masked[f"recipient_{part}"] for part in ("name", "phone", "address")] == ["华**", "***1234", "***"]
    (nobody,) = read(head() + body([row(name=None, phone=None, address=None)], plain=True))
    assert nobody["recipient_address"] == ""


def shown(text: str) -> str:
    """The cell in which a sale of that title stands."""
    return read(head() + body([row(sale_title=text)], plain=True))[0]["sale"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "＠x"])
def test_what_a_spreadsheet_would_run_stands_behind_a_quote(text):
    assert shown(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "华", "1-1", "a=b", "'quoted"])
def test_other_text_is_left_alone(text):
    assert shown(text) == text

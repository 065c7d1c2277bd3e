"""Lines become new SKUs, changes or nothing at all; what contradicts itself or the catalogue is told."""

import itertools
from typing import Any

from inventory.csv_lines import Line
from inventory.import_plan import Known, Plan, plan_of
from inventory.model import SKUS_PER_PRODUCT_MAX

PLAIN: dict[str, Any] = {"specification": {}, "picture_url": None, "needs_recipient": True, "low_stock": None}


def line(no: int, code: str, title: str = "Brush", *, of: str | None = None, receive: int = 0, **fields: Any) -> Line:
    prices = {"CNY": fields.pop("price")} if "price" in fields else {}
    return Line(no=no, code=code, title=title, variant_of=of, fields=fields, receive=receive, prices=prices)


def known(
    code: str, product: str = "p", title: str = "Brush", *, archived: bool = False, skus: int = 1, **fields: Any
) -> Known:
    return Known(f"id-{code}", 4, product, 7, title, archived, PLAIN | fields, {"CNY": 100}, skus)


def plan(*lines: Line, **catalogue: Known) -> Plan:
    count = itertools.count(1)
    return plan_of(lines, catalogue, lambda: f"new-{next(count)}")


def faults(*lines: Line, **catalogue: Known) -> list[tuple[int, str | None]]:
    return [(fault.line, fault.column) for fault in plan(*lines, **catalogue).faults]


def test_variants_share_a_product_wherever_they_stand():
    made = plan(
        line(2, "B", of="A", price=1),
        line(3, "A", price=1),
        line(4, "C", "Cup", price=1),
        line(5, "D", of="A", price=2),
    )
    assert made.faults == []
    assert sorted(made.products.values()) == ["Brush", "Cup"]
    by_code = {sku["code"]: sku["product_id"] for sku in made.skus.values()}
    assert by_code["A"] == by_code["B"] == by_code["D"] != by_code["C"]
    assert (made.created, made.changed, len(made.prices)) == (4, 0, 4)


def test_a_new_variant_joins_a_product_of_the_catalogue():
    made = plan(line(2, "B", of="A", price=1), A=known("A"))
    assert ([sku["product_id"] for sku in made.skus.values()], made.products) == (["p"], {})


def test_what_is_as_it_was_is_not_written():
    same = plan(line(2, "A", price=100, needs_recipient=None, low_stock=None), A=known("A"))
    assert (same.unchanged, same.changes, same.prices, same.titles) == (1, {}, [], {})


def test_only_what_differs_is_written_under_the_next_version():
    made = plan(line(2, "A", low_stock=3, price=99, receive=5), A=known("A", picture_url="https://x"))
    assert made.changes == {"id-A": PLAIN | {"picture_url": "https://x", "low_stock": 3, "version": 5}}
    assert (made.prices, made.receipts) == ([("id-A", "CNY", 99)], {"id-A": 5})
    renamed = plan(line(2, "A", "Better"), line(3, "B", "Better", of="A"), A=known("A"), B=known("B"))
    assert (renamed.titles, renamed.changed, renamed.changes) == ({"p": ("Better", 8)}, 2, {})


def test_what_contradicts_itself_is_told():
    assert faults(line(2, "A", price=1), line(3, "A", price=1), line(4, "A", price=1)) == [(3, "code"), (4, "code")]
    assert faults(line(2, "A", price=1), line(3, "B", "Cup", of="A", price=1)) == [(3, "title")]
    assert faults(line(2, "A", price=1), line(3, "B", of="A", price=1), line(4, "C", of="B", price=1)) == [
        (4, "variant_of")
    ]
    assert faults(line(2, "A", of="Z", price=1)) == [(2, "variant_of")]
    assert faults(line(2, "A", of="B", price=1), line(3, "B", of="A", price=1)) == [
        (2, "variant_of"),
        (3, "variant_of"),
    ]
    assert faults(line(2, "A")) == [(2, None)]


def test_what_contradicts_the_catalogue_is_told():
    put_away = known("A", archived=True)
    assert faults(line(2, "A"), line(3, "B", of="A", price=1), A=put_away) == [(2, "code"), (3, "variant_of")]
    assert faults(line(2, "A", of="B"), A=known("A"), B=known("B", "q")) == [(2, "variant_of")]
    assert faults(line(2, "A", "One"), line(3, "B", "Two"), A=known("A"), B=known("B")) == [(3, "title")]


def test_a_product_takes_no_more_skus_than_over_http_and_each_line_too_many_is_told():
    room, full = SKUS_PER_PRODUCT_MAX, known("A", skus=SKUS_PER_PRODUCT_MAX - 2)
    new = [line(n, f"N-{n}", of="N-2" if n > 2 else None, price=1) for n in range(2, room + 4)]
    assert faults(*new) == [(room + 2, "variant_of"), (room + 3, "variant_of")]
    assert faults(*new[:room]) == []
    joining = [line(n, f"B-{n}", of="A", price=1) for n in range(3, 7)]
    assert faults(line(2, "A"), *joining, A=full) == [(5, "variant_of"), (6, "variant_of")]
    assert faults(*joining[:2], A=full) == []

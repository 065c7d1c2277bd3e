"""Every verdict that ends an attempt has its refusal, and a gate that may not be believed says nothing about stock."""

import asyncio
from typing import Any, Final

import pytest

from inventory.errors import GateRebuilding, NotOpenYet, OverLimit, SaleEnded, SalePaused, SoldOut, UnknownItem
from inventory.model import ItemConfig, ItemId, SaleConfig, SaleId, SaleKind, SaleState
from inventory.verdicts import (
    BelowEpoch,
    EndedVerdict,
    KeyReused,
    NotOpenVerdict,
    OverLimitVerdict,
    PausedVerdict,
    PriceChangedVerdict,
    SoldOutVerdict,
    UnknownItemVerdict,
)
from keel.errors import IdempotencyKeyReused, Refusal
from orders.attempt import Attempt
from orders.errors import PriceChanged
from orders.refusals import item_id_of, refusal_of_verdict
from orders.schemas import LineRequest, OrderRequest

ITEMS: Final = tuple(ItemConfig(ItemId(f"item-{n}"), n, f"v{n}", f"sku-{n}", "Brush", 100 * n, 0, 5) for n in (1, 2))
FIELDS: Final[dict[str, Any]] = {
    "opens_at": None,
    "closes_at": None,
    "hold_ttl_s": 60,
    "limit": 0,
    "segments": 1,
    "needs_ticket": False,
    "ticket_after_s": 30,
    "rehearsal": False,
    "context": None,
    "version": 1,
    "settled": False,
    "archived": False,
}
CONFIG: Final = SaleConfig(
    SaleId("sale"), "merchant", "Brushes", SaleKind.FLASH, SaleState.OPEN, "CNY", items=ITEMS, **FIELDS
)
NOW_MS: Final = 1_800_000_000_000


def attempt(expected_total: int | None = None) -> Attempt:
    loop = asyncio.new_event_loop()
    try:
        made = Attempt(
            customer_id="hua",
            key="key",
            request=OrderRequest([LineRequest("item-1", 2)], expected_total=expected_total),
            fingerprint="f",
            claim_id="claim",
            answer=loop.create_future(),
        )
    finally:
        loop.close()
    made.ask(CONFIG)
    return made


def refusal(verdict: Any, *, trusted: bool = True) -> Refusal:
    return refusal_of_verdict(verdict, attempt(), CONFIG, trusted=trusted, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("verdict", "kind", "members"),
    [
        (SoldOutVerdict(2, 3, 17), SoldOut, {"item_id": "item-2", "left": 3, "served": 17}),
        (OverLimitVerdict(1, 2, 1), OverLimit, {"item_id": "item-1", "limit": 2, "bought": 1}),
        (OverLimitVerdict(0, 2, 1), OverLimit, {"limit": 2, "bought": 1}),
        (NotOpenVerdict(NOW_MS + 1), NotOpenYet, {"opens_at": "2027-01-15T08:00:00.001Z"}),
        (NotOpenVerdict(0), NotOpenYet, {"server_time": "2027-01-15T08:00:00.000Z"}),
        (UnknownItemVerdict(2), UnknownItem, {"item_id": "item-2"}),
        (UnknownItemVerdict(9), UnknownItem, {"item_id": "9"}),
        (PriceChangedVerdict(), PriceChanged, {"total": 200, "currency": "CNY"}),
        (KeyReused(), IdempotencyKeyReused, {}),
        (PausedVerdict(), SalePaused, {}),
        (EndedVerdict(), SaleEnded, {}),
        (BelowEpoch(), GateRebuilding, {}),
    ],
)
def test_a_verdict_has_its_refusal(verdict, kind, members):
    document = refusal(verdict).document()
    assert type(refusal(verdict)) is kind
    assert document == document | members
    assert ("item_id" in document) is ("item_id" in members)


@pytest.mark.parametrize("verdict", [SoldOutVerdict(1, 0, 5), OverLimitVerdict(0, 2, 2)])
def test_a_gate_that_may_not_be_believed_says_nothing_about_stock(verdict):
    assert isinstance(refusal(verdict, trusted=False), GateRebuilding)


def test_an_item_is_found_by_its_number():
    assert [item_id_of(CONFIG, no) for no in (1, 2, 3)] == ["item-1", "item-2", "3"]


@pytest.mark.parametrize(("expected", "priced"), [(None, True), (200, True), (199, False), (0, False)])
def test_an_attempt_is_priced_by_the_configuration(expected, priced):
    made = attempt(expected)
    assert (made.quoted.total, made.quoted.text, made.priced) == (200, "1:2", priced)
    assert made.ask(CONFIG)[5] is priced

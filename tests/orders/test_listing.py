"""The list of staff: any filter finds what a plain reading of it finds, page by page, forwards and backwards."""

import random
from typing import Any

import pytest
from hypothesis import example, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from keel.errors import Forbidden, Malformed
from keel.identity import Principal, Role
from orders import store_list, store_ways
from orders.filters import OrderFilter, Rehearsals
from orders.handling import Handling
from orders.listing import Place, list_orders
from orders.model import OrderState
from orders.schemas_staff import OrderPage
from orders.store_ways import Way
from tests.inventory.selling import make_merchant
from tests.orders.rows import CODES, COUNT, TOTALS, Stock, handling_of, stocked
from tests.orders.serving import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYTHING = OrderFilter(rehearsals=Rehearsals.INCLUDED)


async def page(
    stock: Stock, given: OrderFilter, *, below: str | None = None, above: str | None = None, count: int = 100
) -> OrderPage:
    shop = stock.shop
    return await list_orders(handling_of(shop), shop.staff, given, Place(below=below, above=above), count=count)


async def read_down(stock: Stock, given: OrderFilter, count: int) -> list[str]:
    """All pages from the newest on, over `next`."""
    found = await page(stock, given, count=count)
    ids = [order.id for order in found.orders]
    while found.next is not None:
        found = await page(stock, given, below=found.next, count=count)
        ids += [order.id for order in found.orders]
    return ids


async def read_up(stock: Stock, given: OrderFilter, count: int) -> list[str]:
    """All pages from the oldest on, over `previous`."""
    found = await page(stock, given, above="00000000-0000-0000-0000-000000000000", count=count)
    ids = [order.id for order in found.orders]
    while found.previous is not None:
        found = await page(stock, given, above=found.previous, count=count)
        ids = [order.id for order in found.orders] + ids
    return ids


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly not given."""
    return st.one_of(st.none(), st.none(), values)


recipes = st.fixed_dictionaries(
    {
        "state": some(st.sampled_from(OrderState)),
        "sale": some(st.integers(0, 2)),
        "customer": some(st.integers(0, 4)),
        "item": some(st.integers(0, 8)),
        "sku": some(st.integers(0, 8)),
        "share_code": some(st.sampled_from([code for code in CODES if code])),
        "first": some(st.integers(0, COUNT - 1)),
        "last": some(st.integers(0, COUNT - 1)),
        "total_min": some(st.sampled_from(TOTALS)),
        "total_max": some(st.sampled_from(TOTALS)),
        "has_recipient": some(st.booleans()),
        "rehearsals": st.sampled_from(Rehearsals),
    }
)


def cook(stock: Stock, recipe: dict[str, Any]) -> OrderFilter:
    """The filter of a recipe, which names things by their position: the stock is not there yet when it is drawn."""
    items = [item_id for sale in stock.sales for item_id in sale.item_ids]
    skus = [sku_id for sale in stock.sales for sku_id in sale.sku_ids]
    sales, moments = [sale.id for sale in stock.sales], [order.placed_at for order in stock.orders]
    by_position = {
        "sale_id": (sales, recipe["sale"]),
        "customer_id": (stock.customers, recipe["customer"]),
        "item_id": (items, recipe["item"]),
        "sku_id": (skus, recipe["sku"]),
        "placed_from": (moments, recipe["first"]),
        "placed_to": (moments, recipe["last"]),
    }
    kept = {name: recipe[name] for name in recipe if name in OrderFilter.__dataclass_fields__}
    placed = {name: things[n] for name, (things, n) in by_position.items() if n is not None}
    return OrderFilter(**kept, **placed)


TWO_LINES = dict.fromkeys(("state", "sale", "customer", "share_code", "first", "last", "total_min", "total_max"))


@settings(max_examples=60, deadline=None)
@example(
    recipe=TWO_LINES | {"has_recipient": None, "rehearsals": Rehearsals.EXCLUDED, "item": 0, "sku": 1},
    limits=(0, 20, -1.0),
    count=9,
)
@drawn(
    recipe=recipes,
    limits=st.tuples(st.sampled_from([0, 20, 10_000]), st.sampled_from([20, 10_000]), st.sampled_from([-1.0, 1.0])),
    count=st.sampled_from([9, 100]),
)
async def test_any_filter_finds_what_a_plain_reading_of_it_finds(stock: Stock, recipe, limits, count):
    few, chunk, patience_s = limits
    wanted = cook(stock, recipe)
    with pytest.MonkeyPatch.context() as patch:
        # As though there were so many orders that counting, gathering and walking come to their limits.
        for module in (store_list, store_ways):
            patch.setattr(module, "FEW_MAX", few)
        patch.setattr(store_list, "CHUNK_ROWS", chunk)
        patch.setattr(store_list, "SEARCH_S_MAX", patience_s)
        expected = stock.like(wanted)
        assert await read_down(stock, wanted, count) == expected
        assert await read_up(stock, wanted, count) == expected


async def test_every_way_is_gone_and_the_one_with_few_orders_is_taken(stock: Stock):
    sale, customer = stock.sales[0].id, stock.customers[0]
    ways = {
        Way.ALL: OrderFilter(),
        Way.CUSTOMER: OrderFilter(customer_id=customer),
        Way.SALES: OrderFilter(sale_id=sale),
        Way.SHARE: OrderFilter(share_code="anna"),
        Way.STATE: OrderFilter(state=OrderState.PAID),
        Way.UNPAID: OrderFilter(state=OrderState.AWAITING_PAYMENT),
        Way.TOTAL: OrderFilter(total_min=29_800),
        Way.RECIPIENTS: OrderFilter(has_recipient=True),
    }
    async with stock.shop.selling.sessions() as session:
        for way, given in ways.items():
            wanted = await store_list.wanted_of(session, stock.shop.staff.merchant_id, given)
            assert await store_list.way_of(session, wanted, store_ways.Span(None, None)) is way
        rare = OrderFilter(state=OrderState.PAID, total_min=10**9)
        wanted = await store_list.wanted_of(session, stock.shop.staff.merchant_id, rare)
        assert await store_list.way_of(session, wanted, store_ways.Span(None, None)) is Way.TOTAL


async def test_pages_stay_as_they_are_while_orders_come_in(served: Served):
    stock = await stocked(served.shop, count=40)
    dice, before = random.Random(1), [order.id for order in reversed(stock.orders)]
    own = OrderFilter(rehearsals=Rehearsals.INCLUDED, customer_id=stock.customers[0])
    expected = [order.id for order in reversed(stock.orders) if order.customer_id == stock.customers[0]]
    seen, found = list[str](), await page(stock, own, count=3)
    while True:
        seen += [order.id for order in found.orders]
        for _ in range(3):
            await stock.add(dice)
        if found.next is None:
            break
        found = await page(stock, own, below=found.next, count=3)
    assert seen == expected, "each once, and nothing that came later"
    newer = await page(stock, own, above=expected[0])
    assert {order.id for order in newer.orders}.isdisjoint(before)
    assert [order.id for order in newer.orders] == stock.like(own)[: -len(expected)]


async def test_a_page_back_is_the_page_one_came_from(stock: Stock):
    first = await page(stock, EVERYTHING, count=10)
    assert first.previous is None
    second = await page(stock, EVERYTHING, below=first.next, count=10)
    back = await page(stock, EVERYTHING, above=second.previous, count=10)
    assert (back.orders, back.next, back.previous) == (first.orders, first.next, None)
    last = await page(stock, EVERYTHING, below=stock.orders[0].id, count=10)
    assert (last.orders, last.next) == ([], None)
    assert [o.id for o in (await page(stock, EVERYTHING, above=last.previous)).orders][-1] == stock.orders[0].id


async def test_below_and_above_at_once_is_malformed():
    with pytest.raises(Malformed):
        Place(below="a", above="b")


async def test_recipients_are_masked_and_shown_plainly_only_with_a_trace(stock: Stock, handling: Handling):
    given = OrderFilter(has_recipient=True)
    masked = (await page(stock, given, count=5)).orders[0].recipient
    assert masked is not None
    assert (masked.name, masked.phone, masked.address, masked.masked) == ("张**", "***1234", "***", True)
    plain = await list_orders(handling, stock.shop.staff, given, Place(), count=5, plain=True)
    assert {order.recipient.phone for order in plain.orders if order.recipient} == {"13800001234"}
    (row,) = await stock.shop.rows("SELECT actor, detail FROM staff_audit WHERE command = 'order.recipients_read'")
    assert row["detail"] == {"orders": [order.id for order in plain.orders]}, "who was read of, and nothing of him"
    for role in (Role.ANALYST, Role.HOST):
        curious = Principal(stock.shop.staff.merchant_id, "wei", role)
        with pytest.raises(Forbidden):
            await list_orders(handling, curious, given, Place(), count=5, plain=True)


async def test_another_merchant_sees_none_of_it(stock: Stock, handling: Handling):
    stranger = await make_merchant(stock.shop.selling, "A third pond")
    for given in (EVERYTHING, OrderFilter(sale_id=stock.sales[0].id), OrderFilter(share_code="anna")):
        assert (await list_orders(handling, stranger, given, Place(), count=5)).orders == []

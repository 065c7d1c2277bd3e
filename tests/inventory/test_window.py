"""Viewers see items and what is left from memory: a crowd costs one reading a second, and never asks the gate."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from inventory.book import SaleBook
from inventory.faults import LedgerFault, NotSent
from inventory.ledger import Ledger
from inventory.views_public import sale_for_viewers, tag_of
from inventory.window import FRESH_S, LEFT_KNOWN_S, SALES_MAX, ShopWindow
from tests.inventory.selling import Shop, open_sale, scheduled_sale
from tests.stopwatch import Stopwatch


class Counted(Ledger):
    """The ledger, counting how often it is asked; `down` makes it silent."""

    asked, down = 0, False

    async def call(self, statement: str, *args: Any) -> Any:
        self.asked += 1
        if self.down:
            raise NotSent("down")
        return await super().call(statement, *args)


async def sell(shop: Shop, item_id: str, units: int) -> None:
    await shop.pool.execute("UPDATE stock SET sold = sold + $2 WHERE item_id = $1", item_id, units)


async def test_a_crowd_is_one_reading_a_second(shop):
    sale = await open_sale(shop, units=[7])
    ledger, clock_s = Counted(shop.pool), Stopwatch()
    window = ShopWindow(ledger, clock_s)
    views = await asyncio.gather(*(window.look(sale.id, 1) for _ in range(50)))
    assert (ledger.asked, {view.items[sale.item_ids[0]].left for view in views}) == (1, {7})
    await sell(shop, sale.item_ids[0], 7)
    assert (await window.look(sale.id, 1)).items[sale.item_ids[0]].left == 7
    clock_s.s += FRESH_S
    assert (await window.look(sale.id, 1)).items[sale.item_ids[0]].left == 0
    assert ledger.asked == 2


async def test_a_change_of_the_sale_is_seen_at_once(shop):
    sale = await open_sale(shop)
    ledger = Counted(shop.pool)
    window = ShopWindow(ledger, Stopwatch())
    await window.look(sale.id, 1)
    await window.look(sale.id, 2)
    await window.look(sale.id, 1)
    assert ledger.asked == 2


async def test_without_the_ledger_items_are_shown_but_soon_not_how_many_are_left(shop):
    sale = await open_sale(shop)
    ledger, clock_s = Counted(shop.pool), Stopwatch()
    window = ShopWindow(ledger, clock_s)
    await window.look(sale.id, 1)
    ledger.down = True
    clock_s.s += LEFT_KNOWN_S - 1
    assert (await window.look(sale.id, 1)).is_recent
    clock_s.s += FRESH_S
    view = await window.look(sale.id, 1)
    assert (view.is_recent, len(view.items)) == (False, 1)
    asked = ledger.asked
    await window.look(sale.id, 1)
    assert ledger.asked == asked, "a ledger that is down is not asked by everybody"
    with pytest.raises(LedgerFault):
        await window.look(sale.id, 2)


async def test_memory_is_bounded(shop):
    sale = await open_sale(shop)
    ledger = Counted(shop.pool)
    window = ShopWindow(ledger, Stopwatch())
    await window.look(sale.id, 1)
    for _ in range(SALES_MAX):
        await window.look(shop.ids.new(), 1)
    asked = ledger.asked
    await window.look(sale.id, 1)
    assert ledger.asked == asked + 1, "the sale that was looked at longest ago is forgotten"


async def test_the_tag_changes_with_what_is_shown_and_with_nothing_else(shop):
    sale = await scheduled_sale(shop, opens_at=shop.clock.now() + timedelta(minutes=1), units=[7])
    clock_s = Stopwatch()
    book, window = SaleBook(shop.ledger), ShopWindow(shop.ledger, clock_s)

    async def tag() -> str:
        return tag_of(await sale_for_viewers(book, window, shop.clock, sale.id))

    first = await tag()
    shop.clock.advance(s=1)
    assert await tag() == first, "time alone is no change"
    shop.clock.advance(s=60)
    opened = await tag()
    assert opened != first
    await sell(shop, sale.item_ids[0], 1)
    clock_s.s += FRESH_S
    assert await tag() not in {first, opened}

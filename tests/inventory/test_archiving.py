"""What is over is put away: no longer listed or sold, and not a row less in the tables."""

import pytest

from inventory.archiving import archive_sale, archive_sku
from inventory.book import SaleBook
from inventory.catalogue import list_skus
from inventory.running import close_sale
from inventory.views_public import sale_for_viewers
from inventory.window import ShopWindow
from keel.errors import Conflict, NotFound
from tests.inventory.selling import open_sale


async def test_a_sale_is_put_away_once_it_is_closed_and_has_nothing_left(shop):
    sale = await open_sale(shop)
    with pytest.raises(Conflict, match="conflict"):
        await archive_sale(shop.selling, shop.staff, sale.id)
    await close_sale(shop.selling, shop.staff, sale.id)
    with pytest.raises(Conflict) as not_yet:
        await archive_sale(shop.selling, shop.staff, sale.id)
    assert "not back in base stock" in not_yet.value.detail
    await shop.ledger.settle(sale.id, 0, shop.clock.now())
    await archive_sale(shop.selling, shop.staff, sale.id)
    assert await shop.ledger.running() == [sale.id], "its keys at the gate are not sure to lapse yet"
    await shop.ledger.note_settled(sale.id, shop.clock.now())
    assert await shop.ledger.running() == []
    assert (await shop.ledger.sale(sale.id)).settled
    with pytest.raises(NotFound):
        await sale_for_viewers(SaleBook(shop.ledger), ShopWindow(shop.ledger), shop.clock, sale.id)
    with pytest.raises(NotFound):
        await archive_sale(shop.selling, shop.staff, sale.id)
    [command] = await shop.rows("SELECT command FROM staff_audit ORDER BY id DESC LIMIT 1")
    assert command["command"] == "sale.archive"


async def test_a_sku_that_is_put_away_is_in_no_catalogue_and_sells_on_where_it_is_sold(shop):
    sale = await open_sale(shop)
    await archive_sku(shop.selling, shop.staff, sale.sku_ids[0])
    assert await list_skus(shop.selling, shop.staff, below=None, count=10) == []
    config = await shop.ledger.sale(sale.id)
    assert len(config.items) == 1
    with pytest.raises(NotFound):
        await archive_sku(shop.selling, shop.staff, sale.sku_ids[0])

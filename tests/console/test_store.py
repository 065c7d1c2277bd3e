"""The audit's readings: what is lost, and a database that has nothing to read."""

import pytest

from console.audit import audit, lost_orders
from console.model import NotAuditable
from console.store import head
from keel.database import create_pool
from tests.console.served import Served
from tests.databases import Databases


async def test_an_acknowledged_order_that_is_not_there_is_lost(served: Served):
    order_id = str(await served.pool.fetchval("SELECT id FROM orders LIMIT 1"))
    never = served.shop.ids.new()
    assert await lost_orders(served.pool, served.sale.id, [order_id, never]) == [never]
    assert await lost_orders(served.pool, served.shop.ids.new(), [order_id]) == [order_id], "an order of another sale"


async def test_an_archived_sale_is_found_too(served: Served):
    await served.archive()
    found = await head(served.pool, served.sale.id)
    assert found is not None
    assert found.archived


async def test_a_database_without_tables_is_said_plainly(served: Served, databases: Databases):
    with databases.copied() as name:
        async with create_pool(databases.url_of(name)) as pool:
            with pytest.raises(NotAuditable, match="millpond migrate"):
                await audit(pool, served.shop.gate, served.sale.id, wait_s=0)

"""One served shop per module, for tests that leave it as they found it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.databases import Databases
from tests.inventory.selling import open_sale
from tests.orders.serving import Counter, Served, serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(databases: Databases, database_template: str, flushable_redis_url: str) -> AsyncIterator[Served]:
    """The API over a database of this module's own."""
    name = databases.create(database_template)
    async with serve(databases.url_of(name), flushable_redis_url) as served:
        yield served
    databases.drop(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(served: Served) -> Counter:
    """A sale of two items, 10 and 5 units, that is open."""
    return Counter(served, await open_sale(served.shop, units=[10, 5]))

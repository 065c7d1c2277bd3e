"""One served shop per module, for tests that leave it as they found it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orders.handling import Handling
from tests.databases import Databases
from tests.inventory.selling import open_sale
from tests.orders.rows import Stock, handling_of, stocked
from tests.orders.serving import Counter, Served, serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(databases: Databases, database_template: str, flushable_redis_url: str) -> AsyncIterator[Served]:
    """The API over a database of this module's own."""
    with databases.copied(database_template) as name:
        async with serve(databases.url_of(name), flushable_redis_url) as served:
            yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stock(served: Served) -> Stock:
    """A few hundred orders of every kind."""
    return await stocked(served.shop)


@pytest.fixture
def handling(served: Served) -> Handling:
    """What staff do with orders."""
    return handling_of(served.shop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(served: Served) -> Counter:
    """A sale of two items, 10 and 5 units, that is open."""
    return Counter(served, await open_sale(served.shop, units=[10, 5]))

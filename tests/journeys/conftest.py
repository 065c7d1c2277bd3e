"""One shop for all the rows of the matrix: what one row does to it, no other row minds."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.databases import Databases
from tests.journeys.worlds import World, open_world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(databases: Databases, database_template: str, flushable_redis_url: str) -> AsyncIterator[World]:
    """Two merchants with everything there is to ask for, served."""
    with databases.copied(database_template) as name:
        async with open_world(databases.url_of(name), flushable_redis_url) as world:
            yield world

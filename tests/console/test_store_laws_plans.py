"""A sale is audited right after its rush, when PostgreSQL still believes in few orders: its laws cost by the order."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from console.store_laws import LAWS, Law, check
from keel.database import Connection
from tests.console.filled import AT, ORDERS, SALE, STALE, stale
from tests.databases import Databases
from tests.plans import explained, rows_touched

ROWS_EACH_MAX = 40  # that a law may look at for each order of the sale


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STALE)
async def connection(
    request: pytest.FixtureRequest, databases: Databases, database_template: str
) -> AsyncIterator[Connection]:
    async with stale(databases, database_template, request.param) as connection:
        yield connection


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
async def test_a_law_looks_at_few_rows_for_each_order(connection: Connection, law: Law):
    assert (await check(connection, law, SALE, AT)).detail == (), "the sale is not what it is meant to be"
    moment = () if law.before_s is None else (AT - timedelta(seconds=law.before_s),)
    plan = await explained(connection, law.statement, SALE, *moment)
    assert rows_touched(plan) < ROWS_EACH_MAX * ORDERS

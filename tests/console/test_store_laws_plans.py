"""A sale is audited right after its rush, when PostgreSQL still believes in few orders: its laws cost by the order."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from console.store import claim_figures, missing_orders, unlike_claims
from console.store_laws import LAWS, Law, check
from keel.database import Connection
from tests.console.filled import AT, MERCHANT, ORDERS, OTHER_SALE, OTHERS, SALE, STALE, fill, stale
from tests.databases import Databases
from tests.plans import Watched

ROWS_EACH_MAX = 40  # that may be looked at for each order of the sale, or for each key that is asked for
PAGE = 5
BIG, BIG_SALE = 3_000, str(UUID(int=5))
# A page of the gate's keys or buyers, as they are where all is well.
GATE = {
    "entries": """
        SELECT customer_id || ':' || key AS field, concat(CASE state WHEN 'placed' THEN 'C' ELSE 'R' END, ' ', id,
               fingerprint, concat_ws(';', verdict_no, (extract(epoch FROM served_at) * 1000)::bigint, lines)) AS text
        FROM claim WHERE sale_id = $1 LIMIT $2""",
    "buyers": """
        SELECT customer_id::text AS field, lines AS text FROM claim
        WHERE sale_id = $1 AND state = 'placed' LIMIT $2""",
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STALE)
async def connection(
    request: pytest.FixtureRequest, databases: Databases, database_template: str
) -> AsyncIterator[Connection]:
    async with stale(databases, database_template, request.param) as connection:
        yield connection


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
async def test_a_law_looks_at_few_rows_for_each_order(connection: Connection, law: Law):
    watched: Any = Watched(connection)
    assert (await check(watched, law, SALE, AT)).detail == (), "the sale is not what it is meant to be"
    assert watched.touched < ROWS_EACH_MAX * ORDERS


@pytest.mark.parametrize("name", GATE)
async def test_a_page_of_the_gate_is_compared_without_reading_every_claim(connection: Connection, name: str):
    page = await connection.fetch(GATE[name], SALE, PAGE)
    fields, texts = [row["field"] for row in page], [row["text"] for row in page]
    watched: Any = Watched(connection)
    assert await unlike_claims(watched, name, SALE, 0, fields=fields, texts=texts) == []
    assert watched.touched < ROWS_EACH_MAX * PAGE


async def test_claims_are_counted_by_reading_each_once(connection: Connection):
    watched: Any = Watched(connection)
    assert (await claim_figures(watched, SALE, 0)).keys == ORDERS
    assert watched.touched < ROWS_EACH_MAX * ORDERS


async def test_acknowledged_orders_are_looked_for_all_at_once(connection: Connection):
    told = [str(row["id"]) for row in await connection.fetch("SELECT id FROM orders WHERE sale_id = $1", SALE)]
    watched: Any = Watched(connection)
    assert await missing_orders(watched, SALE, told) == []
    assert watched.touched < ROWS_EACH_MAX * ORDERS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(databases: Databases, database_template: str) -> AsyncIterator[Connection]:
    """Counted with everything in it. OTHER_SALE is a small one, a day after a big one of the same merchant."""
    async with stale(databases, database_template, "counted when empty") as connection:
        await fill(connection, BIG_SALE, MERCHANT, BIG)
        await fill(connection, OTHER_SALE, MERCHANT, OTHERS, days_later=1)
        await connection.execute("ANALYZE")
        yield connection


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
async def test_a_law_of_a_small_sale_leaves_the_others_alone(crowded: Connection, law: Law):
    watched: Any = Watched(crowded)
    assert (await check(watched, law, OTHER_SALE, AT)).detail == ()
    assert watched.touched < BIG

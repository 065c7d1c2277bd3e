"""The benchmark checks the books of a sale right after a rush, when PostgreSQL still believes in few orders."""

from typing import Any
from uuid import uuid4

import pytest

from loadtests.sides import Booked, Sale, booked
from millpond.crowd_answers import Answer, Wish
from tests.console.filled import ORDERS, SALE, STALE, stale
from tests.databases import Databases
from tests.plans import Watched

ROWS_EACH_MAX = 40  # that may be looked at for each order


@pytest.mark.parametrize("kind", STALE)
async def test_books_are_checked_by_looking_at_few_rows_for_each_order(
    databases: Databases, database_template: str, kind: str
):
    async with stale(databases, database_template, kind) as connection:
        rows = await connection.fetch("SELECT customer_id, claim_key, id FROM orders WHERE sale_id = $1", SALE)
        answers = [answer(*map(str, row.values())) for row in rows]
        watched: Any = Watched(connection)
        sale = Sale(SALE, item_id="", units=0)
        assert await booked(watched, sale, answers) == Booked(units=3 * ORDERS, doubled=0, lost=0)
        assert watched.touched < ROWS_EACH_MAX * ORDERS
        lost = answer(str(uuid4()), "key", str(uuid4()))
        assert (await booked(watched, sale, [*answers, lost])).lost == 1


def answer(buyer: str, key: str, order_id: str) -> Answer:
    return Answer(Wish(buyer, key, b""), 201, 0.1, 1, order_id)

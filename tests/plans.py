"""What a statement really did: PostgreSQL runs it under EXPLAIN ANALYZE, and the rows that it went through are counted.

A stopwatch says little on a busy machine, and little where there are few rows. How many rows were looked at is the same
every time, and a plan that joins a set with a set row by row shows at a few hundred of them.

    assert rows_touched(await explained(connection, statement, sale_id)) < ROWS_EACH_MAX * orders

    watched = Watched(connection)  # where a function has the statement
    await store.missing_orders(watched, sale_id, order_ids)
    assert watched.touched < ROWS_EACH_MAX * orders
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from keel.database import Connection

# Rows that a node of a plan gave on, and those that it had in its hands and threw away; each for one of its runs.
_TOUCHED: Final = (
    "Actual Rows",
    "Rows Removed by Filter",
    "Rows Removed by Join Filter",
    "Rows Removed by Index Recheck",
)


async def explained(connection: Connection, statement: str, *arguments: Any) -> dict[str, Any]:
    """Run a statement and take back what it wrote: its plan, each node with what it did."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", *arguments)
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


def rows_touched(plan: dict[str, Any]) -> int:
    """All rows that all nodes had in their hands, in all their runs."""
    touched: float = sum(node["Actual Loops"] * sum(node.get(name, 0) for name in _TOUCHED) for node in nodes(plan))
    return round(touched)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes, the root first."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


class Watched:
    """Stands for a connection or a pool that only reads: what is asked of it is counted, and answered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.touched = 0

    async def fetch(self, statement: str, *arguments: Any, **options: Any) -> list[asyncpg.Record]:
        """As a connection does; so are the others."""
        self.touched += rows_touched(await explained(self._connection, statement, *arguments))
        rows: list[asyncpg.Record] = await self._connection.fetch(statement, *arguments, **options)
        return rows

    async def fetchrow(self, statement: str, *arguments: Any, **options: Any) -> asyncpg.Record | None:
        return next(iter(await self.fetch(statement, *arguments, **options)), None)

    async def fetchval(self, statement: str, *arguments: Any, **options: Any) -> Any:
        row = await self.fetchrow(statement, *arguments, **options)
        return None if row is None else row[0]
